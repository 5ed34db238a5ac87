"""How often each message has failed: in memory, and on disk for the one that takes the process with it.

A message's tries are not the broker's count of deliveries (``x-delivery-count``): a lost connection, a stop or a kill
of the whole node is not a message's fault. But one that ends its process would do so for ever. So the id of what each
worker has in hand stands in a small file while it is at it; what is found there at the next start has one try more.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import mmap
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diracmq_cli.core.message import Delivery

REMEMBERED = 100_000
"""Messages whose failures are remembered; the oldest are forgotten."""

_SLOT = 512
_COPIES = 100
"""Processes of one consumer on one host that may share a control directory."""


def key_of(delivery: Delivery) -> str:
    """What a message is known by when it comes again: its id, or what it says."""
    message_id = delivery.message.properties.message_id
    return hashlib.sha256(delivery.message.body).hexdigest() if message_id is None else str(message_id)


class Tries:
    """Counts failed tries; from any thread.

    Args:
        directory: where the file is; None: only in memory.
        workers: how many messages can be in hand at a time.

    Raises:
        OutputError: the file cannot be written.
    """

    def __init__(self, directory: Path | None, workers: int) -> None:
        self._failed: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()
        self._file = None if directory is None else _InHand(directory, workers)
        if self._file is not None:
            for key in self._file.left:
                self.failed(key)
        self.suspects = tuple(self._failed)
        """What was in hand when the last process ended."""

    def of(self, key: str) -> int:
        """How often that message has failed."""
        with self._lock:
            return self._failed.get(key, 0)

    def failed(self, key: str) -> int:
        """It has failed once more; returns how often in all."""
        with self._lock:
            count = self._failed.pop(key, 0) + 1
            self._failed[key] = count
            if len(self._failed) > REMEMBERED:
                self._failed.popitem(last=False)
            return count

    def done(self, key: str) -> None:
        """It will not come again."""
        with self._lock:
            self._failed.pop(key, None)

    @contextlib.contextmanager
    def at_work(self, worker: int, key: str) -> Iterator[None]:
        """While ``worker`` has that message in hand."""
        if self._file is None:
            yield
            return
        self._file.write(worker, f"{self.of(key)} {key}")
        try:
            yield
        finally:
            self._file.write(worker, "")

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()


class _InHand:
    """A memory-mapped file with a slot for each worker: what is written there outlives the process, if not the host."""

    def __init__(self, directory: Path, workers: int) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _lockable(directory)
            size = max(os.fstat(self._fd).st_size, workers * _SLOT)
            os.ftruncate(self._fd, size)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"cannot keep what is in hand in {directory}: {reason}") from error
        self._map = mmap.mmap(self._fd, size)
        self.left = tuple(self._read())
        self._map[:] = bytes(size)

    def _read(self) -> Iterator[str]:
        """Each message that was in hand, as often as it has failed by now."""
        for start in range(0, len(self._map), _SLOT):
            text = self._map[start : start + _SLOT].rstrip(b"\0").decode(errors="replace")
            count, _, key = text.partition(" ")
            if key and count.isdigit():
                yield from [key] * (int(count) + 1)

    def write(self, worker: int, text: str) -> None:
        """What ``worker`` has in hand now."""
        octets = text.encode()[:_SLOT]
        start = worker * _SLOT
        self._map[start : start + _SLOT] = octets.ljust(_SLOT, b"\0")

    def close(self) -> None:
        self._map.close()
        os.close(self._fd)


def _lockable(directory: Path) -> int:
    """The first such file that no other process of this consumer has."""
    for copy in range(_COPIES):
        name = "in-hand" if copy == 0 else f"in-hand.{copy}"
        fd = os.open(directory / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
        else:
            return fd
    raise OSError(f"{_COPIES} processes of this consumer run already")
