"""A publisher that takes no more than so many messages a second (port ``Publisher``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message, Receipt
    from diracmq_cli.core.ports import Publisher
    from diracmq_cli.operations.pace import Pace


class PacedPublisher:
    """Another publisher, which is not ready while the next message may not go yet.

    Args:
        publisher: does the work.
        pace: when the next one may go; it outlives the connection, and messages that are sent again count.
    """

    def __init__(self, publisher: Publisher, pace: Pace) -> None:
        self._publisher, self._pace = publisher, pace

    @property
    def in_flight(self) -> int:
        """See ``core.ports.Publisher``."""
        return self._publisher.in_flight

    @property
    def ready(self) -> bool:
        """See ``core.ports.Publisher``."""
        return self._publisher.ready and not self._pace.wait

    @property
    def blocked(self) -> str | None:
        """See ``core.ports.Publisher``."""
        return self._publisher.blocked

    def publish(self, exchange: str, message: Message) -> int:
        """See ``core.ports.Publisher``."""
        sequence = self._publisher.publish(exchange, message)
        self._pace.spend()
        return sequence

    def turn(self, timeout: float | None, fd: int | None = None) -> Sequence[Receipt]:
        """See ``core.ports.Publisher``; also returns when the next message may go."""
        wait = self._pace.wait
        if wait and (timeout is None or wait < timeout):
            timeout = wait
        return self._publisher.turn(timeout, fd)

    def close(self) -> None:
        """See ``core.ports.Publisher``."""
        self._publisher.close()
