"""The connection of a sender."""

from __future__ import annotations

from diracmq_cli.core.ports import Publisher
from diracmq_cli.operations.redial import Redial


class Line(Redial[Publisher]):
    """A publisher, or the next attempt to get one."""

    @property
    def publisher(self) -> Publisher | None:
        """What there is to publish with; None while there is no connection."""
        return self.connection

    def why_late(self, destination: str) -> str:
        """What is to be said when something takes too long."""
        publisher = self.publisher
        if publisher is None:
            return "the time is up, and there is no connection"
        if publisher.blocked is not None:
            return f"the broker blocks publishers ({publisher.blocked})"
        if publisher.in_flight:
            return f"{destination} confirmed nothing in time; {publisher.in_flight} in flight may have arrived"
        return "the time is up before the end of the input"
