"""Lines in files that somebody else picks up: whole files only, each durable before it bears its name."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from diracmq_cli.errors import ConfigError, OutputError
from diracmq_cli.spool import Directory, Purpose, translated
from diracmq_cli.usecases.octets import end_of_last_line, write_at

PURPOSE = Purpose("the directory of batches", "the option Directory")

END = ".ndjson"
PART = ".part"

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class BatchFiles:
    """Files ``PREFIX-TIME-RANDOM.ndjson`` in one directory; while a file is being written its name ends in ``.part``.

    One process, one thread. A file is closed when the next lines would make it larger than ``size``, or when its first
    one is ``age`` seconds old.

    Args:
        path: the directory; it is made if it is not there.
        prefix: the beginning of the names.
        size: octets of a file.
        age: seconds.
        clock: monotonic.

    Raises:
        ConfigError: the prefix is no part of a file's name.
        OutputError: the directory cannot be used, is not ours alone, or another consumer has it.
    """

    def __init__(
        self, path: Path, prefix: str, *, size: int, age: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError(f"Prefix {prefix!r} is no part of a file's name: letters, digits, dots, - and _")
        self._prefix, self._max, self._age, self._clock = prefix, size, age, clock
        self._directory = Directory.make(path, PURPOSE)
        self._fd = -1
        self._name = ""
        self._size = 0
        self._since = 0.0
        with translated(f"cannot use {PURPOSE.noun} {path}", PURPOSE):
            if not self._directory.lock():
                raise OutputError(f"another consumer writes to {path}", hint="stop it, or name another Directory")
            self.recovered = sum(self._recover(name) for name in self._ours(END + PART))

    def waiting(self) -> int:
        """Octets of the files that nobody has picked up yet, and of the one that is being written.

        Raises:
            OutputError: the disk refuses.
        """
        with self._translated():
            return sum(map(self._directory.size, self._ours(END))) + self._size

    def append(self, lines: list[bytes]) -> None:
        """Write lines, each with its line end, and make them durable; files that are full get their names.

        Raises:
            OutputError: the disk refuses. None of these lines is kept then, but for those in files that were full.
        """
        with self._translated():
            before, name = self._size, self._name
            try:
                at = 0
                while at < len(lines):
                    if self._fd >= 0 and self._size and self._size + len(lines[at]) > self._max:
                        self._close()
                    end, octets = at, self._size
                    while end < len(lines) and (end == at or octets + len(lines[end]) <= self._max):
                        octets += len(lines[end])
                        end += 1
                    self._write(b"".join(lines[at:end]))
                    at = end
                os.fsync(self._fd)
            except OSError:
                self._cut(before if self._name == name else 0)
                raise

    def close_old(self) -> None:
        """Give the file that is being written its name if it is full or old enough.

        Raises:
            OutputError: the disk refuses.
        """
        if self._fd >= 0 and (self._size >= self._max or self._clock() - self._since >= self._age):
            self.close_file()

    def close_file(self) -> None:
        """Give the file that is being written its name.

        Raises:
            OutputError: the disk refuses.
        """
        if self._fd >= 0:
            with self._translated():
                self._close()

    def close(self) -> None:
        """Let go of the directory."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._directory.close()

    def _ours(self, end: str) -> list[str]:
        return [name for name in self._directory.names() if name.startswith(f"{self._prefix}-") and name.endswith(end)]

    def _recover(self, name: str) -> bool:
        """Close what a crash has left open, without its last line if that is torn."""
        fd = self._directory.open(name, os.O_RDWR)
        try:
            end = end_of_last_line(fd)
            os.ftruncate(fd, end)
            os.fsync(fd)
        finally:
            os.close(fd)
        if not end:
            self._directory.unlink(name)
            return False
        self._directory.replace(name, name.removesuffix(PART))
        self._directory.sync()
        return True

    def _write(self, octets: bytes) -> None:
        if self._fd < 0:
            moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            self._name = f"{self._prefix}-{moment}-{os.urandom(8).hex()}{END}"
            self._fd = self._directory.open(self._name + PART, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            self._directory.sync()
            self._size = 0
            self._since = self._clock()
        write_at(self._fd, octets, self._size)
        self._size += len(octets)

    def _close(self) -> None:
        os.fsync(self._fd)
        self._directory.replace(self._name + PART, self._name)
        self._directory.sync()
        os.close(self._fd)
        self._fd, self._size = -1, 0

    def _cut(self, size: int) -> None:
        """Take back what was not made durable."""
        self._size = size
        if self._fd >= 0:
            os.ftruncate(self._fd, size)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(f"cannot write to {PURPOSE.noun} {self._directory.path}", PURPOSE)
