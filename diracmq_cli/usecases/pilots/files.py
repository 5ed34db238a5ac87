"""The files of pilots' logs: written to, rotated, removed. How much of them counts is said by the index."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from diracmq_cli.usecases.octets import write_at
from diracmq_cli.usecases.pilots.names import current, rotated, stem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from diracmq_cli.spool import Directory
    from diracmq_cli.usecases.pilots.index import Log

_TOGETHER = 128
"""Files that are open at a time."""


class LogFiles:
    """The files in a directory. Its methods raise ``OSError``.

    Args:
        directory: locked for us.
        most: how many files of one pilot are kept.
    """

    def __init__(self, directory: Directory, most: int) -> None:
        self._directory = directory
        self._most = most
        self._renamed = False

    def size(self, pilot: str) -> int:
        """What there is of a pilot's current file."""
        return self._directory.size(current(stem(pilot)))

    def settle(self, log: Log) -> None:
        """Finish a rotation that was cut off before the index said so; see how much is there that counts."""
        while self._directory.exists(rotated(stem(log.pilot), log.rotated + 1)):
            self._turned(log)
        log.size = min(log.size, self.size(log.pilot))  # less than we wrote: somebody else has cut it

    def rotate(self, log: Log) -> None:
        """Give the current file, all of which counts, its number; the next lines start another."""
        name = stem(log.pilot)
        if self._directory.exists(current(name)):
            self._directory.replace(current(name), rotated(name, log.rotated + 1))
            self._renamed = True
        self._turned(log)

    def append(self, blocks: Mapping[str, tuple[Log, Sequence[bytes]]]) -> None:
        """Append to the current files of several pilots, durably; each row's ``size`` is set accordingly.

        What lies beyond that size was written by somebody who did not come to say so: it is cut off first.
        """
        todo = list(blocks.values())
        for start in range(0, len(todo), _TOGETHER):
            with ExitStack() as stack:
                written = []
                for log, octets in todo[start : start + _TOGETHER]:
                    fd = self._open(log)
                    stack.callback(os.close, fd)
                    content = b"".join(octets)
                    write_at(fd, content, log.size)
                    log.size += len(content)
                    written.append(fd)
                for fd in written:  # by now the first of them carries most of the others
                    os.fsync(fd)
        self._sync()

    def remove(self, log: Log) -> None:
        """Remove all files of a pilot."""
        name = stem(log.pilot)
        for number in range(log.oldest, log.rotated + 2):
            self._directory.unlink(rotated(name, number))
        self._directory.unlink(current(name))
        self._renamed = True

    def _turned(self, log: Log) -> None:
        """The current file has become an older one: the oldest goes where there are too many."""
        name = stem(log.pilot)
        log.rotated += 1
        log.size = 0
        while log.rotated - log.oldest + 2 > self._most:
            self._directory.unlink(rotated(name, log.oldest))
            log.oldest += 1
        log.behind = sum(self._directory.size(file) for file in self._older(log))

    def _older(self, log: Log) -> Iterator[str]:
        return (rotated(stem(log.pilot), number) for number in range(log.oldest, log.rotated + 1))

    def _open(self, log: Log) -> int:
        name = current(stem(log.pilot))
        self._renamed = self._renamed or not log.size
        fd = self._directory.open(name, os.O_WRONLY | os.O_CREAT)
        try:
            if os.fstat(fd).st_size > log.size:
                os.ftruncate(fd, log.size)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _sync(self) -> None:
        if self._renamed:
            self._directory.sync()
            self._renamed = False
