"""All that one run of a sender keeps, held by us: its lock, its segments in order, and which of them are open."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from diracmq_cli.core.ids import RANDOM_OCTETS, uuid7
from diracmq_cli.spool.names import lock_name, order_of, segment_name
from diracmq_cli.spool.segment import Segment

if TYPE_CHECKING:
    from diracmq_cli.core.spool import Label
    from diracmq_cli.spool.directory import Directory

BUSY_WAIT = 2.0
"""Seconds to wait for a segment that another process is about to drop."""


class Run:
    """A run whose lock we hold. ``current`` is the segment that is being written, for the sender itself only.

    Methods raise ``OSError``.
    """

    def __init__(self, directory: Directory, name: str, lock: int) -> None:
        self.name = name
        self.current: Segment | None = None
        self._directory = directory
        self._lock = lock
        self._open: dict[str, Segment] = {}
        self._read: set[str] = set()

    @staticmethod
    def new_name(after: str = "") -> str:
        """A name for a run; it sorts by time, and behind ``after``, the name of another."""
        milliseconds = time.time_ns() // 1_000_000
        while (name := uuid7(milliseconds, os.urandom(RANDOM_OCTETS))) <= after:
            milliseconds += 1
        return name

    @classmethod
    def begin(cls, directory: Directory, name: str) -> Run:
        """A new run of that name.

        Raises:
            FileExistsError: somebody else uses it.
        """
        run = cls.claim(directory, name)
        if run is None:
            raise FileExistsError(f"{name} was taken by another process")
        return run

    @classmethod
    def claim(cls, directory: Directory, name: str) -> Run | None:
        """Take over a run whose sender has gone; None while somebody holds it."""
        lock = directory.open_locked(lock_name(name), os.O_RDWR | os.O_CREAT)
        return None if lock is None else cls(directory, name, lock)

    def segments(self) -> list[str]:
        """Names of the segments that are there, in order."""
        return self._directory.segments(self.name)

    def create(self, label: Label) -> Segment:
        """Begin a new current segment; the one before is left to be read."""
        self.leave()
        order = time.time_ns() // 1000
        existing = self.segments()
        if existing:
            order = max(order, order_of(existing[-1]) + 1)
        segment = Segment.create(self._directory, segment_name(self.name, order), label)
        self._open[segment.name] = self.current = segment
        return segment

    def leave(self) -> None:
        """Write no more to the current segment."""
        if self.current is not None:
            current, self.current = self.current, None
            if current.name not in self._read:
                self.release(current)

    def segment(self, name: str) -> Segment | None:
        """A segment of ours to read, opened and locked until ``release`` or ``remove``; None when it has gone.

        Raises:
            HeaderError: it cannot be read.
            TimeoutError: another process holds it and does not let go.
        """
        if name in self._open:
            self._read.add(name)
            return self._open[name]
        deadline = time.monotonic() + BUSY_WAIT
        while (segment := Segment.open(self._directory, name)) is None:
            if not self._directory.exists(name):
                return None
            if time.monotonic() > deadline:
                raise TimeoutError(f"{name} is held by another process")
            time.sleep(0.01)
        self._open[name] = segment
        self._read.add(name)
        return segment

    def release(self, segment: Segment) -> None:
        """Let go of a segment that has been read, unless it is still being written."""
        self._read.discard(segment.name)
        if segment is not self.current and self._open.pop(segment.name, None) is not None:
            segment.close()

    def remove(self, segment: Segment) -> None:
        """Remove a segment that nobody needs any more."""
        if segment is self.current:
            self.current = None
        self._read.discard(segment.name)
        self._open.pop(segment.name, None)
        segment.remove()

    def close(self) -> None:
        """Let go of everything; where no segment is left, no trace of the run is."""
        self.current = None
        try:
            for segment in list(self._open.values()):
                self.release(segment)
            if not self.segments():
                for name in self._directory.files(self.name):
                    self._directory.unlink(name)
            self._directory.sync()
        finally:
            os.close(self._lock)
