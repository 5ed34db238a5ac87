"""The logs of all pilots in one directory: each written by its owner alone, bounded one by one and together."""

from __future__ import annotations

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.errors import OutputError
from diracmq_cli.output.escape import visible
from diracmq_cli.spool import Directory, Purpose
from diracmq_cli.usecases.pilots.files import LogFiles
from diracmq_cli.usecases.pilots.index import Index, Log, message_key

PURPOSE = Purpose("the directory of pilots' logs", "the option Directory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """``file`` octets and ``files`` of one pilot; ``pilots`` and ``total`` octets of all.

    A file is longer than ``file`` only by one message, ``total`` is exceeded only by what is written at a time.
    """

    file: int
    files: int
    pilots: int
    total: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """What one message adds."""

    pilot: str
    owner: str
    key: bytes | None
    block: bytes
    finished: bool


class PilotStore:
    """Takes lines, and makes them durable together. One process, one thread.

    Args:
        path: the directory; it is made if it is not there.
        bounds: of what is kept.
        clock: seconds since the epoch.

    Raises:
        OutputError: it cannot be used, is not ours alone, or another consumer has it.
    """

    def __init__(self, path: Path, bounds: Bounds, clock: Callable[[], float] = time.time) -> None:
        self._bounds, self._clock = bounds, clock
        self._directory = Directory.make(path, PURPOSE)
        self._waiting: deque[_Entry] = deque()
        self._new: set[bytes] = set()
        with self._translated():
            if not self._directory.lock():
                raise OutputError(f"another consumer writes to {path}", hint="stop it, or name another Directory")
            self._index = Index(self._directory)
            self._count, self._octets = self._index.kept()
        self._files = LogFiles(self._directory, bounds.files)
        self._removals = 0

    def claim(self, pilot: str, sender: str) -> str:
        """Whose a pilot's id is: ``sender``'s where nobody used it before.

        Raises:
            OutputError: the disk refuses.
        """
        with self._translated():
            log = self._index.find(pilot)
            if log is None:
                size = self._files.size(pilot)
                log = Log(pilot, sender, size=size, last=self._now())
                self._index.put(log)
                self._count += 1
                self._octets += size
            return log.owner

    def add(self, pilot: str, owner: str, message_id: str | None, lines: tuple[str, ...], *, finished: bool) -> bool:
        """Take the lines of one message; False where it was taken before. They count once ``flush`` has returned.

        Raises:
            OutputError: the disk refuses.
        """
        key = None if message_id is None else message_key(owner, pilot, message_id)
        if key is not None:
            with self._translated():
                if key in self._new or self._index.knows(key):
                    return False
            self._new.add(key)
        block = "".join(f"{line}\n" for line in lines).encode()
        self._waiting.append(_Entry(pilot, owner, key, block, finished))
        return True

    def flush(self) -> list[str]:
        """Make durable what was taken; returns the pilots whose logs were removed to make room.

        Raises:
            OutputError: the disk refuses. What is not in its log was not taken.
        """
        with self._translated():
            try:
                self._index.commit()  # whose the pilots are, before their first lines
                while self._waiting:
                    self._write_round()
                return self._make_room()
            except BaseException:
                self._waiting.clear()
                self._new.clear()
                self._index.rollback()
                self._count, self._octets = self._index.kept()
                raise

    def close(self) -> None:
        """Let go of the directory; what was not flushed was not taken."""
        self._index.close()
        self._directory.close()

    def _write_round(self) -> None:
        """Write as much as goes into one file of each pilot. The order of a pilot's messages is kept."""
        blocks: dict[str, tuple[Log, list[bytes]]] = {}
        room: dict[str, int] = {}
        keys: list[bytes] = []
        later: deque[_Entry] = deque()
        for entry in self._waiting:
            if entry.pilot not in blocks:
                log = self._ready(entry)
                first = b"" if log.size else _heading(log)
                blocks[entry.pilot] = log, [first]
                room[entry.pilot] = max(self._bounds.file - log.size - len(first), len(entry.block))
            log, octets = blocks[entry.pilot]
            if len(entry.block) > room[entry.pilot]:
                room[entry.pilot] = -1  # nor may what follows it overtake it
                later.append(entry)
                continue
            room[entry.pilot] -= len(entry.block)
            octets.append(entry.block)
            log.finished = log.finished or entry.finished
            if entry.key is not None:
                keys.append(entry.key)
        self._files.append(blocks)
        for log, _ in blocks.values():
            self._put(log)
        self._index.remember(keys)
        self._index.commit()
        self._waiting = later
        self._new.difference_update(keys)

    def _ready(self, entry: _Entry) -> Log:
        """A pilot's row for writing to its current file, after a rotation if that is full."""
        log = self._index.find(entry.pilot)
        if log is None or log.owner != entry.owner:  # an error in between has undone what was claimed
            raise OutputError(f"whose pilot {visible(entry.pilot)} is could not be kept")
        self._files.settle(log)
        if log.size and log.size + len(entry.block) > self._bounds.file:
            self._files.rotate(log)
        log.last, log.kept = self._now(), True
        return log

    def _now(self) -> int:
        return int(self._clock() * 1_000_000)

    def _put(self, log: Log) -> None:
        """Change a row, and what all of them come to."""
        before = self._index.find(log.pilot)
        if before is not None and before.kept:
            self._count -= 1
            self._octets -= before.octets
        if log.kept:
            self._count += 1
            self._octets += log.octets
        self._index.put(log)

    def _make_room(self) -> list[str]:
        removed = []
        while self._count > self._bounds.pilots or self._octets > self._bounds.total:
            log = self._index.first_to_go()
            if log is None:
                break
            self._files.remove(log)
            log.size = log.behind = 0
            log.oldest = log.rotated + 1
            log.finished = log.kept = False
            self._put(log)
            removed.append(log.pilot)
        self._index.commit()
        self._removals += len(removed)
        if self._removals > self._bounds.pilots:
            self._index.forget_owners()
            self._removals = 0
        return removed

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the disk refuses into ours."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(f"cannot keep pilots' logs in {self._directory.path}: {reason}") from error


def _heading(log: Log) -> bytes:
    """The first line of each file: no line of a pilot begins like it."""
    return f"# pilot {visible(log.pilot)} of {visible(log.owner)}\n".encode()
