"""What reading and changing a broker takes, whichever way it is reached: the management HTTP API, or rabbitmqctl."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from diracmq_cli.admin.changes import Change
    from diracmq_cli.admin.entries import Entries

CLOSE_REASON = "rights changed in the Configuration Service"
"""What the client whose connection ends reads (AMQP connection.close 320)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one change; ``problem`` says why it was not, or not wholly, made."""

    change: Change
    problem: str | None = None


class Control(Protocol):
    """A broker as its administrator reaches it."""

    def entries(self) -> Entries:
        """What it holds.

        Raises:
            CredentialError, PermissionDenied: it does not know us, or does not let us.
            BrokerUnreachable: it cannot be asked.
            ProtocolError: its answer is no such thing.
        """

    def make(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Make the changes in their order, and say of each what became of it.

        Whoever loses something by a change has his connections closed at once after it: were that left to the end, an
        interruption would leave them open for good, since the next run finds nothing to do. What is already as it
        shall be is no problem.

        Raises:
            CredentialError, BrokerUnreachable, ProtocolError: as ``entries``; what has not been told is not known.
        """

    def close(self) -> None:
        """Let go of it."""
