"""How often each message has failed, and when it may be tried again, whatever connection it comes over.

A message's tries are not the broker's count of deliveries (``x-delivery-count``): a lost connection, a stop or a kill
of the whole node is not a message's fault. But one that ends its process would do so for ever. So what each worker is
at stands in a small file (``inhand``), and what is found there at the next start has one try more.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diracmq_cli.consumer.inhand import Entry, InHand

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from diracmq_cli.core.message import Delivery

REMEMBERED = 100_000
"""Messages that are remembered; the one that failed longest ago is forgotten first."""

_KEY_OCTETS = 16

ALONE_FROM = 2
"""Ends of the process that a message was part of, after which it is executed alone: the next one has only one cause."""


def key_of(delivery: Delivery) -> str:
    """What a message is known by when it comes again: queue, login and id; without an id what it says.

    The login is the broker's word: nobody uses up the tries of another's message by its id.
    """
    properties = delivery.message.properties
    message_id = properties.message_id
    said = hashlib.sha256(delivery.message.body).hexdigest() if message_id is None else str(message_id)
    text = "\0".join((delivery.queue, str(properties.user_id), said))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_KEY_OCTETS).hexdigest()


class Tries:
    """Counts failed tries; from any thread.

    Args:
        directory: where the file is; None: only in memory.
        workers: how many messages are executed at a time.
        most: failed tries after which a message is given up.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, directory: Path | None, workers: int, most: int) -> None:
        self._failed: OrderedDict[str, int] = OrderedDict()
        self._not_before: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()
        self._file = None if directory is None else InHand(directory, workers)
        self._alone_from = min(ALONE_FROM, max(1, most - 1))
        self._gate = _Gate()
        for entry in () if self._file is None else self._file.marked:
            self._failed[entry.key] = entry.tries
        self.suspects = () if self._file is None else tuple(entry.label for entry in self._file.new)
        """What was being executed when the last process ended."""

    def of(self, key: str) -> int:
        """How often that message has failed."""
        with self._lock:
            return self._failed.get(key, 0)

    def failed(self, key: str) -> int:
        """It has failed once more; returns how often in all."""
        with self._lock:
            count = self._failed.pop(key, 0) + 1
            _put(self._failed, key, count)
            return count

    def done(self, key: str) -> None:
        """It will not come again."""
        with self._lock:
            self._failed.pop(key, None)
            self._not_before.pop(key, None)
            if self._file is not None:
                self._file.unmark(key)

    def put_off(self, key: str, delay: float) -> None:
        """It is not to be tried for so many seconds."""
        with self._lock:
            self._not_before.pop(key, None)
            _put(self._not_before, key, time.monotonic() + delay)

    def left(self, key: str) -> float:
        """Seconds until it may be tried."""
        with self._lock:
            due = self._not_before.get(key)
        return 0.0 if due is None else max(0.0, due - time.monotonic())

    @contextmanager
    def at_work(self, worker: int, key: str, label: str) -> Iterator[None]:
        """While ``worker`` executes that message."""
        if self._file is None:
            yield
            return
        deaths = self._file.deaths(key)
        with self._gate.alone() if deaths >= self._alone_from else self._gate.together():
            self._file.write(worker, Entry(key=key, tries=self.of(key), deaths=deaths, label=label))
            try:
                yield
            finally:
                self._file.clear(worker)

    def blame(self, worker: int) -> None:
        """The process ends because of what ``worker`` is at: the others' messages have nothing to do with it."""
        if self._file is not None:
            self._file.clear_others(worker)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


def _put(memory: OrderedDict[str, int] | OrderedDict[str, float], key: str, value: float) -> None:
    memory[key] = value  # type: ignore[assignment]
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)


class _Gate:
    """Lets workers execute together, or one alone."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside = 0
        self._alone = 0

    @contextmanager
    def together(self) -> Iterator[None]:
        """Beside others, unless one of them wants to be alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._inside += 1
        try:
            yield
        finally:
            self._leave()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """When all others have left, and before any other comes."""
        with self._changed:
            self._alone += 1
            self._changed.wait_for(lambda: not self._inside)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._alone -= 1
            self._leave()

    def _leave(self) -> None:
        with self._changed:
            self._inside -= 1
            self._changed.notify_all()
