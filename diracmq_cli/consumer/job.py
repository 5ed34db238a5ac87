"""A message as a consumer's module sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from diracmq_cli.api.message import Peeked
from diracmq_cli.core.model import OriginLevel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.values import FieldValue
    from diracmq_cli.core.verdict import Verdict

_PROVED = frozenset({OriginLevel.BROKER, OriginLevel.SIGNED})


class Forwarding(Protocol):
    """Publishes what becomes of a message."""

    def forward(
        self, job: Job, destination: str, body: bytes | str, routing_key: str, headers: Mapping[str, FieldValue]
    ) -> str:
        """Publish to ``destination``; returns the id once the broker has confirmed it."""


class Job(Peeked):
    """One message to be handled; what becomes of it is said by how ``execute`` ends.

    ``tries`` counts the failed ones so far, as far as this consumer knows; ``address`` is its queue's in the CS.
    """

    def __init__(
        self, delivery: Delivery, origin: Verdict, *, address: str, tries: int, forwarding: Forwarding
    ) -> None:
        super().__init__(delivery, origin)
        self.address = address
        self.tries = tries
        self._forwarding = forwarding

    @property
    def sender(self) -> str | None:
        """The DN (or ``user:NAME``) that the broker or a signature vouches for; None where it is only claimed."""
        if self.origin.level not in _PROVED:
            return None
        return self.origin.dn if self.origin.user is None else f"user:{self.origin.user}"

    def forward(
        self,
        destination: str,
        body: bytes | str | None = None,
        *,
        routing_key: str = "",
        headers: Mapping[str, FieldValue] | None = None,
    ) -> str:
        """Publish to another queue or exchange, confirmed by the broker when this returns.

        What is handled again is forwarded again, under the same id: the first message to a destination bears this
        one's own, further ones ids that follow from it, so that a reader knows a repeat. Where this one has no id, a
        repeat cannot be known.

        Args:
            destination: as for ``open_queue``.
            body: the octets or text; None: this message's own.
            headers: application headers; None: this message's own.

        Returns:
            The id of what was published.

        Raises:
            MQError: as ``Queue.publish``. Left alone, that is a failed try.
        """
        return self._forwarding.forward(
            self,
            destination,
            self.body if body is None else body,
            routing_key,
            self._own() if headers is None else headers,
        )

    def _own(self) -> Mapping[str, FieldValue]:
        return {name: value for name, value in self.headers.items() if not name.startswith(("dirac-", "x-"))}
