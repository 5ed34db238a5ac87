"""What waits to be handled: messages of all queues in the order in which they came, and those that are put off."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.consumer.tries import key_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.api.hands import Held
    from diracmq_cli.consumer.source import Source


@dataclass(eq=False, slots=True)
class Task:
    """A message in hand, since when (monotonic), and what it is known by (``tries.key_of``).

    ``fate`` is why it is to be given up, where that was decided already and could not be done.
    """

    held: Held
    source: Source
    since: float = field(default_factory=time.monotonic)
    key: str = ""
    fate: str | None = None

    def __post_init__(self) -> None:
        self.key = key_of(self.held.delivery)

    @property
    def label(self) -> str:
        """What to call it in a log."""
        properties = self.held.delivery.message.properties
        return f"message {properties.message_id or '(no id)'} of {self.held.delivery.queue}"

    @property
    def room(self) -> float:
        """Seconds for which it may still wait in hand; the broker's patience is for its execution, too."""
        return self.source.in_hand_limit - (time.monotonic() - self.since)


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

    def forget(self) -> None:
        """Drop what is in hand no more: its connection has been lost."""
        self._take_out(lambda task: task.held.gone)

    def put_off_of(self, source: Source) -> list[Task]:
        """Take out what was put off of that source."""
        with self._changed:
            found = [task for _, _, task in self._later if task.source is source]
            self._later = [item for item in self._later if item[2].source is not source]
            heapq.heapify(self._later)
        return found

    def drain(self) -> list[Task]:
        """Take out everything."""
        return self._take_out(lambda _task: True)

    def _take_out(self, wanted: Callable[[Task], bool]) -> list[Task]:
        with self._changed:
            everything = [*self._ready, *(task for _, _, task in self._later)]
            self._ready = deque(task for task in self._ready if not wanted(task))
            self._later = [item for item in self._later if not wanted(item[2])]
            heapq.heapify(self._later)
        return [task for task in everything if wanted(task)]
