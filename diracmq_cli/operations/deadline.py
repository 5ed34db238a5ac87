"""Time limits as the operations keep them: one end for the whole, one for a silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock


class Deadline:
    """The moment by which something must be over, or never.

    Args:
        clock: monotonic, in seconds.
        seconds: how long from now; None for no limit.
    """

    def __init__(self, clock: Clock, seconds: float | None) -> None:
        self._clock = clock
        self._seconds = seconds
        self.restart()

    def restart(self) -> None:
        """Begin the count again: something happened."""
        self._end = None if self._seconds is None else self._clock() + self._seconds

    @property
    def left(self) -> float | None:
        """Seconds left, never negative; None when there is no limit."""
        return None if self._end is None else max(0.0, self._end - self._clock())

    @property
    def over(self) -> bool:
        """True when the time is up."""
        return self._end is not None and self._clock() >= self._end


def soonest(*deadlines: Deadline) -> float | None:
    """Seconds until the first of these ends; None when none of them does."""
    return min((left for deadline in deadlines if (left := deadline.left) is not None), default=None)
