"""What waits to be handled: messages of all queues in the order in which they came, and those that are put off."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.api.hands import Held
    from diracmq_cli.consumer.source import Source


@dataclass(eq=False, slots=True)
class Task:
    """A message in hand. ``since`` is when it was taken (monotonic); ``giving_back`` when it has been in hand long
    enough, and is to come again from its queue."""

    held: Held
    source: Source
    since: float = field(default_factory=time.monotonic)
    giving_back: bool = False


class Worklist:
    """Tasks for the workers, from any thread."""

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._later: list[tuple[float, int, Task]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, task: Task) -> None:
        """One more to be handled."""
        with self._changed:
            self._ready.append(task)
            self._changed.notify()

    def put_later(self, task: Task, delay: float) -> None:
        """One to be handled in so many seconds."""
        with self._changed:
            heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), task))
            self._changed.notify()

    def get(self, timeout: float) -> Task | None:
        """The next one; None when ``timeout`` seconds have passed, or no more are handed out."""
        end = time.monotonic() + timeout
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                while self._later and self._later[0][0] <= now:
                    self._ready.append(heapq.heappop(self._later)[2])
                if self._ready:
                    return self._ready.popleft()
                if now >= end:
                    return None
                self._changed.wait(min(end, self._later[0][0] if self._later else end) - now)
        return None

    @property
    def closed(self) -> bool:
        """Whether no more are handed out."""
        return self._closed

    def close(self) -> None:
        """Hand out no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def drain(self) -> list[Task]:
        """Everything that was not handed out."""
        with self._changed:
            tasks = [*self._ready, *(task for _, _, task in self._later)]
            self._ready.clear()
            self._later.clear()
        return tasks
