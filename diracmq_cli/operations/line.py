"""The connection of a sender."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diracmq_cli.core.ports import Publisher
from diracmq_cli.errors import MQError, TemporaryFailure
from diracmq_cli.operations.redial import Backoff, Patience, Redial

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Dialler
    from diracmq_cli.operations.deadline import Deadline
    from diracmq_cli.operations.renewal import Renewal


class Line(Redial[Publisher]):
    """A publisher, or the next attempt to get one.

    Args:
        renewal: when another connection is wanted though this one is good; see ``Redial`` for the rest.
    """

    def __init__(
        self,
        dialler: Dialler[Publisher],
        patience: Patience,
        *,
        whole: Deadline,
        backoff: Backoff,
        clock: Clock,
        say: Callable[[str], None],
        renewal: Renewal,
    ) -> None:
        super().__init__(dialler, patience, whole=whole, backoff=backoff, clock=clock, say=say)
        self._renewal = renewal
        self.ageing = False
        """Whether the connection is made anew as soon as nothing is in flight: until then, publish nothing more."""

    @property
    def publisher(self) -> Publisher | None:
        """What there is to publish with; None while there is no connection."""
        return self.connection

    @property
    def due(self) -> float | None:
        """See ``Redial``; while there is a connection, seconds until its credential is to be looked at."""
        if self.connection is None:
            return super().due
        if not self.ageing:
            return self._renewal.look.left
        return None if self.connection.in_flight else 0.0

    def advance(self) -> bool:
        """See ``Redial``; besides, make the connection anew when its credential will end and there is a newer one.

        That takes a second call, before which the sender has taken all receipts: one that came while it published
        would be lost with the connection.
        """
        publisher = self.publisher
        if publisher is not None and not self.ageing:
            self.ageing = self._renewal.due
        elif publisher is not None and not publisher.in_flight:
            self.renew()
        connected = super().advance()
        if connected:
            self.ageing = False
            self._renewal.begin()
        return connected

    def too_late(self, destination: str) -> MQError:
        """What ends a run whose time is up."""
        if self.publisher is None and self.failure is not None:
            return self.failure
        return self.late(destination, "--timeout")

    def late(self, destination: str, option: str) -> TemporaryFailure:
        """What is to be said when something takes longer than ``option`` allows."""
        return TemporaryFailure(self._why_late(destination), hint=f"try again, or give it a longer {option}")

    def _why_late(self, destination: str) -> str:
        publisher = self.publisher
        if publisher is None:
            return "the time is up, and there is no connection"
        if publisher.blocked is not None:
            return f"the broker blocks publishers ({publisher.blocked})"
        if publisher.in_flight:
            return f"{destination} confirmed nothing in time; {publisher.in_flight} in flight may have arrived"
        return "the time is up before the end of the input"
