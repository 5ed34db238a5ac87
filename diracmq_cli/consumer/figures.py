"""What a consumer counts: read by metrics, activity records and the health file, whatever thread they are in."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Event(StrEnum):
    """What can become of a message, and of a connection."""

    RECEIVED = "received"
    HANDLED = "handled"
    FAILED = "failed"
    """One try; the message comes again, or is dead-lettered and then counted as that, too."""
    RETRIED = "retried"
    DEAD_LETTERED = "dead_lettered"
    REFUSED = "refused"
    """By its origin: it reached no module."""
    FORWARDED = "forwarded"
    RETURNED = "returned"
    """Put back unhandled: at a stop."""
    LOST = "lost"
    """Settled in vain: its connection had been lost, so that it comes again."""
    RECONNECTED = "reconnected"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The figures of one moment. ``seconds`` are of monotonic time: in all that ``execute`` took, and its longest."""

    events: Counter[tuple[str, Event]]
    """By queue address and event."""
    own: Counter[str]
    """What the module counts itself."""
    in_hand: int
    executions: int
    seconds: float
    longest: float
    buckets: tuple[int, ...]
    """Executions that took at most ``BOUNDS[i]`` seconds, and in the last place all."""
    started: float
    last_heard: float
    """``time.monotonic`` when the broker last gave a sign of life, on the connection that has been silent longest."""
    connected: int
    """How many of the queues are being read now."""


BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 600.0)
"""Upper bounds of the histogram of execution times, in seconds."""


@dataclass(slots=True)
class Figures:
    """Counts, from any thread."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _events: Counter[tuple[str, Event]] = field(default_factory=Counter)
    _own: Counter[str] = field(default_factory=Counter)
    _buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    _now: Snapshot = field(
        default_factory=lambda: Snapshot(Counter(), Counter(), 0, 0, 0.0, 0.0, (), time.monotonic(), 0.0, 0)
    )

    def count(self, queue: str, event: Event, number: int = 1) -> None:
        """Something happened to messages of a queue."""
        with self._lock:
            self._events[queue, event] += number

    def count_own(self, name: str) -> None:
        """The module counts something."""
        with self._lock:
            self._own[name] += 1

    def in_hand(self, change: int) -> None:
        """So many messages more (or fewer) are in hand."""
        with self._lock:
            self._now = replace(self._now, in_hand=self._now.in_hand + change)

    def executed(self, seconds: float) -> None:
        """One ``execute`` has ended, in whatever way."""
        with self._lock:
            for place, bound in enumerate(BOUNDS):
                self._buckets[place] += seconds <= bound
            self._buckets[-1] += 1
            now = self._now
            self._now = replace(
                now,
                executions=now.executions + 1,
                seconds=now.seconds + seconds,
                longest=max(now.longest, seconds),
            )

    def connections(self, connected: int, last_heard: float) -> None:
        """How many queues are being read, and when a broker was last heard."""
        with self._lock:
            self._now = replace(self._now, connected=connected, last_heard=last_heard)

    def snapshot(self) -> Snapshot:
        """The figures of this moment."""
        with self._lock:
            return replace(
                self._now, events=Counter(self._events), own=Counter(self._own), buckets=tuple(self._buckets)
            )
