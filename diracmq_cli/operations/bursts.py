"""A sender that collects on the disk, and is connected now and then only (``--burst``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.redial import Backoff

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock
    from diracmq_cli.operations.intake import Intake
    from diracmq_cli.operations.line import Line
    from diracmq_cli.operations.safekeeping import Safekeeping


class Pauses(Backoff):
    """Between bursts, and after one that found no broker: ``every`` on the average, and the first one anywhere in it.

    Senders that begin together are thereby spread over the whole of it, and stay so.
    """

    def __init__(self, every: float, jitter: Callable[[], float]) -> None:
        self._every = every
        super().__init__(every, jitter)

    def reset(self) -> None:
        """Nothing has been learnt that could be forgotten."""

    @property
    def first(self) -> float:
        """Seconds until the first burst."""
        return self._jitter() * self._every

    def next(self) -> float:
        """Seconds until the next burst."""
        return (0.5 + self._jitter()) * self._every


class Bursts:
    """Ends a connection when all has been sent that was collected before it, and makes the last one.

    Args:
        pauses: between the connections.
        last: seconds for the last burst, after the end of the input.
    """

    def __init__(self, pauses: Pauses, last: float, clock: Clock) -> None:
        self._pauses, self._clock = pauses, clock
        self._seconds = last
        self._last: Deadline | None = None

    def begin(self, line: Line) -> None:
        """Wait for the first burst."""
        line.rest(self._pauses.first)

    def collects(self, intake: Intake) -> bool:
        """Whether what is read goes to the disk first: somebody would be kept waiting for a connection."""
        return intake.hurried

    def turn(self, intake: Intake, line: Line, safe: Safekeeping, *, busy: bool) -> None:
        """See whether a burst is over, or the last one is due; ``busy`` while something is to be sent or confirmed."""
        if not self.collects(intake):
            return
        if intake.ended and self._last is None:
            self._last = Deadline(self._clock, self._seconds)
            safe.store(intake.take_all())
            if line.publisher is None and not line.dialling:
                line.rest(0)
        elif not intake.ended and not busy and line.publisher is not None:
            line.rest(self._pauses.next())

    @property
    def over(self) -> bool:
        """Whether the time of the last burst is up."""
        return self._last is not None and self._last.over

    @property
    def left(self) -> float | None:
        """Seconds until it is; None before it has begun, and when it is over."""
        return None if self._last is None else self._last.left or None
