"""Do something no more often than so many times a second, evenly."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock


class Pace:
    """When the next one may go.

    Args:
        clock: monotonic, in seconds.
        per_second: how many; None for as many as there are.
    """

    def __init__(self, clock: Clock, per_second: float | None) -> None:
        self._clock = clock
        self._step = 0.0 if per_second is None else 1 / per_second
        self._next = clock()

    @property
    def wait(self) -> float:
        """Seconds until the next one may go; 0 for at once."""
        return max(0.0, self._next - self._clock()) if self._step else 0.0

    def spend(self) -> None:
        """One has gone. Time that was not used is not made up for."""
        self._next = max(self._next, self._clock()) + self._step
