"""Tail: which of the messages of a queue or stream are shown, and where in a stream to go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery


class Trail:
    """Follows a reader through what it is given.

    Args:
        start: where in a stream to begin: ``first``, ``last``, ``next``, an offset, or a moment (RFC 3339).
        since: leave out what is stamped earlier (seconds since the epoch): a broker starts a stream at the chunk that
            holds a moment, so up to a chunk of older messages comes first.
    """

    def __init__(self, start: str | int, since: float | None) -> None:
        self.place = start
        """Where in the stream to begin, or to go on after a loss."""
        self._since = since

    @property
    def unbroken(self) -> bool:
        """Whether a reader that begins anew at ``place`` misses nothing: it is a fixed one."""
        return self.place not in ("last", "next")

    def follow(self, delivery: Delivery) -> bool:
        """Take note of a delivery; returns whether it is to be shown."""
        offset = delivery.message.headers.get("x-stream-offset")
        if isinstance(offset, int):
            self.place = offset + 1
        stamped = delivery.message.properties.timestamp
        return self._since is None or stamped is None or stamped >= int(self._since)
