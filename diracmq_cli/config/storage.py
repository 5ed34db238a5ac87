"""Where copies are kept between commands: a directory and files that are ours and nobody else's.

Whatever is wrong with them, a command goes on without: a cache that cannot be used is no failure.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path

_log = logging.getLogger(__name__)

_MOST_FILES = 64
_TORN_AFTER = 3600.0
"""Seconds after which a temporary file is one that a killed process has left."""


def cache_directory(environment: Mapping[str, str]) -> str | None:
    """``dirac-mq`` in ``$XDG_CACHE_HOME``, else in ``~/.cache``; None when there is no HOME, as in some batch jobs."""
    named = environment.get("XDG_CACHE_HOME", "")
    if not named.startswith("/"):  # relative ones count as absent (XDG Base Directory Specification)
        home = environment.get("HOME", "")
        if not home.startswith("/"):
            return None
        named = f"{home}/.cache"
    return f"{named}/dirac-mq"


class Storage:
    """Files in one private directory; with None for a directory nothing is kept and nothing found."""

    def __init__(self, directory: str | None) -> None:
        self.directory = directory

    def path(self, name: str) -> str:
        """The path of the file called ``name``."""
        return f"{self.directory}/{name}"

    def open(self, name: str) -> int | None:
        """A descriptor to read ``name`` with; None when it is not there, or somebody else could have written it."""
        if not self._is_private():
            return None
        try:
            descriptor = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077:
            return descriptor
        os.close(descriptor)
        _log.info("%s is not used: it is not ours alone", self.path(name))
        return None

    def read(self, name: str) -> bytes | None:
        """What ``name`` holds; None as for ``open``."""
        descriptor = self.open(name)
        if descriptor is None:
            return None
        with contextlib.suppress(OSError), os.fdopen(descriptor, "rb") as stream:
            return stream.read()
        return None

    def write(self, name: str, octets: bytes, *, durable: bool = False) -> bool:
        """Replace ``name`` in one step; whoever reads at the same time sees the old file or the new one.

        Args:
            name: the file.
            octets: all that it shall hold.
            durable: whether it must survive a crash of the machine whole.

        Returns:
            Whether it was written.
        """
        temporary = self.path(f".{name}.{os.urandom(4).hex()}")
        try:
            if not self._make_private():
                return False
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(octets)
                if durable:
                    stream.flush()
                    os.fsync(stream.fileno())
            Path(temporary).replace(self.path(name))
            if durable:
                self._sync_directory()
            self._tidy()
        except OSError as error:
            _log.info("%s is not kept: %s", self.path(name), error.strerror)
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            return False
        return True

    def touch(self, name: str) -> None:
        """Set the time of ``name`` to now, and make it (empty) if need be."""
        if self.age(name) is None:
            self.write(name, b"")
        with contextlib.suppress(OSError):
            os.utime(self.path(name))

    def age(self, name: str) -> float | None:
        """Seconds since ``name`` was written or touched (below 0: in the future); None when there is none."""
        descriptor = self.open(name)
        if descriptor is None:
            return None
        try:
            return time.time() - os.fstat(descriptor).st_mtime
        finally:
            os.close(descriptor)

    def _is_private(self) -> bool:
        if self.directory is None:
            return False
        try:
            status = os.lstat(self.directory)
        except OSError:
            return False
        return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077

    def _make_private(self) -> bool:
        if self.directory is None:
            return False
        with contextlib.suppress(FileExistsError):
            Path(self.directory).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            Path(self.directory).mkdir(mode=0o700)
        if self._is_private():
            return True
        _log.info("%s is not used: it is not ours alone", self.directory)
        return False

    def _sync_directory(self) -> None:
        descriptor = os.open(str(self.directory), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _tidy(self) -> None:
        """Remove what killed processes left, and the oldest of too many files (``-o`` makes new ones)."""
        now = time.time()
        ages = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    ages.append((now - entry.stat(follow_symlinks=False).st_mtime, entry.name))
        kept = 0
        for age, name in sorted(ages):
            torn = name.startswith(".")
            kept += not torn
            if (torn and age > _TORN_AFTER) or kept > _MOST_FILES:
                with contextlib.suppress(OSError):
                    Path(self.path(name)).unlink()
