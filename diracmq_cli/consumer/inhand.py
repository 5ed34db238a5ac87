"""A small file that says which messages are being executed: what is written there outlives the process.

It is memory-mapped and never synced: it tells of processes that died, not of hosts. A slot for each worker says what
that one is at; further slots, *marks*, what was found there at a start and has not been settled since, so that a
message is known again even if others end the process meanwhile.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diracmq_cli.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKS = 256
"""Messages that are marked at most."""

_SLOT = 512
_COPIES = 100
"""Processes of one consumer on one host that may share a control directory."""

_AT_WORK, _MARK, _EMPTY = b"W", b"M", b"\0"
_ENTRY = re.compile(r"([0-9]{1,9}) ([0-9]{1,9}) ([0-9a-f]{32}) ([^\0]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message: its key, how often it has failed, how often it was part of the end of a process, what to call it."""

    key: str
    tries: int
    deaths: int
    label: str


class InHand:
    """The file of this process: the first in its directory that no other process has.

    Raises:
        OutputError: there is none that can be written.
    """

    def __init__(self, directory: Path, workers: int) -> None:
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _lockable(directory)
            size = (workers + MARKS) * _SLOT
            found = os.pread(self._fd, 10 * size, 0)
            os.ftruncate(self._fd, max(size, len(found)))
            self._map = mmap.mmap(self._fd, max(size, len(found)))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"cannot keep what is being executed in {directory}: {reason}") from error
        self._workers = workers
        marked: dict[str, Entry] = {}
        new = []
        for kind, entry in _entries(found):
            if kind == _AT_WORK:
                entry = replace(entry, tries=entry.tries + 1, deaths=entry.deaths + 1)
                new.append(entry)
            if entry.key not in marked or marked[entry.key].tries < entry.tries:
                marked[entry.key] = entry
        self.new = tuple(new)
        """What was being executed when the last process ended."""
        kept = [*marked.values()][-MARKS:]
        self._marks = {entry.key: (workers + number, entry) for number, entry in enumerate(kept)}
        for slot, entry in self._marks.values():
            self._write(slot, _MARK, entry)
        for slot in set(range(len(self._map) // _SLOT)) - {slot for slot, _ in self._marks.values()}:
            self._clear(slot)

    @property
    def marked(self) -> tuple[Entry, ...]:
        """What was part of the end of a process and has not been settled since."""
        return tuple(entry for _, entry in self._marks.values())

    def deaths(self, key: str) -> int:
        """How often a message was part of the end of a process."""
        found = self._marks.get(key)
        return 0 if found is None else found[1].deaths

    def unmark(self, key: str) -> None:
        """It is settled."""
        found = self._marks.pop(key, None)
        if found is not None:
            self._clear(found[0])

    def write(self, worker: int, entry: Entry) -> None:
        """What ``worker`` is at."""
        self._write(worker, _AT_WORK, entry)

    def clear(self, worker: int) -> None:
        """It is at nothing."""
        self._clear(worker)

    def clear_others(self, worker: int) -> None:
        """No other worker is at anything."""
        for slot in range(self._workers):
            if slot != worker:
                self._clear(slot)

    def close(self) -> None:
        """Let go of the file."""
        self._map.close()
        os.close(self._fd)

    def _write(self, slot: int, kind: bytes, entry: Entry) -> None:
        """The kind comes last: a slot that was left half written is empty."""
        start = slot * _SLOT
        text = f"{entry.tries} {entry.deaths} {entry.key} {entry.label}".encode(errors="replace")[: _SLOT - 2]
        self._map[start + 1 : start + _SLOT] = text.ljust(_SLOT - 1, _EMPTY)
        self._map[start : start + 1] = kind

    def _clear(self, slot: int) -> None:
        start = slot * _SLOT
        self._map[start : start + 1] = _EMPTY


def _entries(octets: bytes) -> Iterator[tuple[bytes, Entry]]:
    """What a file holds, whoever wrote it; what is no entry is passed over."""
    for start in range(0, len(octets), _SLOT):
        kind = octets[start : start + 1]
        match = _ENTRY.match(octets[start + 1 : start + _SLOT].decode(errors="replace"))
        if kind in (_AT_WORK, _MARK) and match is not None:
            yield kind, Entry(key=match[3], tries=int(match[1]), deaths=int(match[2]), label=match[4])


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
