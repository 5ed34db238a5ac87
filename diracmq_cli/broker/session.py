"""One logged-in connection (port ``Session``): makes the publisher, receiver or inspector that it serves.

A sender pays for no reader's import; the publisher's is made at once, since programs that publish in a thread may fork.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.broker.publisher import ConfirmingPublisher
from diracmq_cli.core.model import QueueSpec, QueueType

if TYPE_CHECKING:
    from diracmq_cli.broker.link import Link
    from diracmq_cli.broker.resolve import Endpoint
    from diracmq_cli.core.ports import Inspector, Publisher, Receiver


class BrokerSession:
    """A session on ``link``."""

    def __init__(self, link: Link, endpoint: Endpoint) -> None:
        self._link = link
        self.login = link.party.login
        self.local_address = link.transport.local_ip
        self.peer = str(endpoint)
        self.server_version = _version((link.server_properties or {}).get("version"))

    def publisher(self, *, max_messages: int = 1000, max_octets: int = 8 * 1024 * 1024) -> Publisher:
        """See ``core.ports.Session.publisher``."""
        return ConfirmingPublisher(self._link, max_messages, max_octets)

    def consumer(self, queue: QueueSpec, *, limit: int | None, prefetch: int = 200) -> Receiver:
        """See ``core.ports.Session.consumer``."""
        from diracmq_cli.broker.consumer import Consumer

        return Consumer(self._link, queue, self.server_version, limit, prefetch)

    def getter(self, queue: QueueSpec, *, limit: int) -> Receiver:
        """See ``core.ports.Session.getter``."""
        from diracmq_cli.broker.receiver import NACK_KEEPS_ORDER

        if queue.type is QueueType.QUORUM and self.server_version < NACK_KEEPS_ORDER:
            from diracmq_cli.broker.holder import Holder

            return Holder(self._link, queue, self.server_version, limit)
        from diracmq_cli.broker.getter import Getter

        return Getter(self._link, queue, self.server_version, limit)

    def stream_reader(self, queue: QueueSpec, *, offset: str | int, prefetch: int = 200) -> Receiver:
        """See ``core.ports.Session.stream_reader``.

        Raises:
            UsageError: ``offset`` is none of the things it may be.
        """
        from diracmq_cli.broker.subscription import StreamReader

        return StreamReader(self._link, queue, self.server_version, offset, prefetch)

    def tail(
        self, queue: QueueSpec, *, patterns: Sequence[str], on_full: Callable[[], None], bound: int = 10_000
    ) -> Receiver:
        """See ``core.ports.Session.tail``."""
        from diracmq_cli.broker.subscription import Tail

        return Tail(self._link, queue, self.server_version, patterns, bound, on_full)

    def inspector(self) -> Inspector:
        """See ``core.ports.Session.inspector``."""
        from diracmq_cli.broker.inspector import QueueInspector

        return QueueInspector(self._link)

    def close(self) -> None:
        """Close the connection, within a second or so. Never raises."""
        self._link.shut()


def _version(text: object) -> tuple[int, ...]:
    """``3.10.8`` (or ``4.1.0-rc.1``) as numbers; () when the broker does not say."""
    match = re.match(r"\d+(?:\.\d+)*", text) if isinstance(text, str) else None
    return tuple(int(part) for part in match[0].split(".")) if match else ()
