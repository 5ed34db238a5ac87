"""The few timers that a connection needs (heartbeats), run by whoever turns the loop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Timer:
    """A call to be made once, unless cancelled."""

    __slots__ = ("_timers", "at", "call")

    def __init__(self, timers: Timers, at: float, call: Callable[[], object]) -> None:
        self._timers = timers
        self.at = at
        self.call = call

    def cancel(self) -> None:
        """Forget the call; harmless when it has been made."""
        self._timers.discard(self)


class Timers:
    """Timers in no order: there are never more than a handful."""

    def __init__(self) -> None:
        self._pending: list[Timer] = []

    def call_later(self, seconds: float, call: Callable[[], object]) -> Timer:
        """Have ``call`` made ``seconds`` from now."""
        timer = Timer(self, time.monotonic() + seconds, call)
        self._pending.append(timer)
        return timer

    def discard(self, timer: Timer) -> None:
        """Forget ``timer`` if it is still to come."""
        if timer in self._pending:
            self._pending.remove(timer)

    @property
    def due_in(self) -> float:
        """Seconds until the next call, at least 0; infinite when there is none."""
        return max(0.0, min((timer.at for timer in self._pending), default=math.inf) - time.monotonic())

    def run(self) -> None:
        """Make the calls that are due."""
        now = time.monotonic()
        for timer in [timer for timer in self._pending if timer.at <= now]:
            self.discard(timer)
            timer.call()
