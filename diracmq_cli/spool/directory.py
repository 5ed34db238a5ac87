"""A directory such as the spool's: ours, private, never a link; opened once, so that nothing can take its place."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.errors import OutputError
from diracmq_cli.spool.names import is_segment, run_of

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a directory is for, as errors name it, and where another one is named."""

    noun: str
    setting: str


SPOOL = Purpose("the spool", "--spool=DIR")


class Directory:
    """An open directory that only we can enter. Its methods raise ``OSError``; ``translated`` makes errors of them."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def find(cls, path: Path, purpose: Purpose = SPOOL) -> Directory | None:
        """Open it; None when there is none.

        Raises:
            OutputError: it cannot be opened, or is not safe: a link, another user's, or open to others.
        """
        with translated(f"cannot use {purpose.noun} {path}", purpose):
            try:
                fd = os.open(path, _OPEN)
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                what = "is a link" if path.is_symlink() else "is no directory"
                hint = f"name a directory with {purpose.setting}"
                raise OutputError(f"{purpose.noun} {path} {what}", hint=hint) from None
            try:
                _check(path, os.fstat(fd), purpose)
            except OutputError:
                os.close(fd)
                raise
        return cls(path, fd)

    @classmethod
    def make(cls, path: Path, purpose: Purpose = SPOOL) -> Directory:
        """Open it, and make it (mode 0700) and those above it where they are missing.

        Raises:
            OutputError: as ``find``, or it cannot be made.
        """
        found = cls.find(path, purpose)
        if found is not None:
            return found
        with translated(f"cannot make {purpose.noun} {path}", purpose):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            _sync(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), close=True)
        made = cls.find(path, purpose)
        if made is None:
            raise OutputError(f"{purpose.noun} {path} was removed as soon as it was made")
        return made

    def segments(self, run: str | None = None) -> list[str]:
        """Names of the segments (of one run), in the order of runs and within each in its own."""
        return sorted(name for name in self.names() if is_segment(name) and run in (None, run_of(name)))

    def runs(self) -> list[str]:
        """The runs that left files here, oldest first."""
        return sorted({run for name in self.names() if (run := run_of(name)) is not None})

    def files(self, run: str) -> list[str]:
        """All files of a run."""
        return [name for name in self.names() if name.startswith(run + ".")]

    def names(self) -> list[str]:
        """All that is in it."""
        return os.listdir(self._fd)  # noqa: PTH208 - a descriptor has no Path

    def open(self, name: str, flags: int) -> int:
        """Open a regular file (created with mode 0600); whatever else bears that name is no file of ours."""
        fd = os.open(name, flags | _SAFE, 0o600, dir_fd=self._fd)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, f"{name} is not a regular file")
        return fd

    def open_locked(self, name: str, flags: int) -> int | None:
        """Open a file and take its lock; None when somebody else holds it, or the name means another file by now.

        The lock is flock(2)'s: the kernel lets go of it when the process ends, however it ends.
        """
        fd = self.open(name, flags)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            current = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            if os.path.samestat(os.fstat(fd), current):
                return fd
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
        return None

    def lock(self) -> bool:
        """Take the directory for ourselves until it is closed; False where another process has it."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def exists(self, name: str) -> bool:
        """Whether there is a file of that name."""
        try:
            os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def size(self, name: str) -> int:
        """Octets of a file, 0 when it has gone."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False).st_size
        except FileNotFoundError:
            return 0

    def unlink(self, name: str) -> None:
        """Remove a file that may have gone already."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)

    def replace(self, source: str, target: str) -> None:
        """Give a file another's name, in one step."""
        os.rename(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def sync(self) -> None:
        """Make what was created, renamed and removed durable."""
        _sync(self._fd)

    def close(self) -> None:
        """Close it; files opened from it stay open."""
        os.close(self._fd)


@contextmanager
def translated(what: str, purpose: Purpose = SPOOL) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into ``OutputError``: ``what (reason)``.

    Raises:
        OutputError: it refused.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = f"choose a directory on a local disk with {purpose.setting}" if error.errno in _NO_LOCKS else None
        raise OutputError(f"{what}: {reason}", hint=hint) from error


def _check(path: Path, status: os.stat_result, purpose: Purpose) -> None:
    if status.st_uid != os.geteuid():
        raise OutputError(
            f"{purpose.noun} {path} belongs to user {status.st_uid}, not to us",
            hint=f"name another with {purpose.setting}",
        )
    if status.st_mode & 0o077:
        raise OutputError(
            f"{purpose.noun} {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
            hint=f"look what others put there, then chmod 700 {path}",
        )


def _sync(fd: int, *, close: bool = False) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot do it for directories, and needs not
            raise
    finally:
        if close:
            os.close(fd)
