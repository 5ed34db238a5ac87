"""The spool's directory: ours, private, never a link; opened once, so that nothing can be put in its place."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diracmq_cli.errors import OutputError
from diracmq_cli.spool.names import is_segment, run_of

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class Directory:
    """An open directory that only we can enter. Its methods raise ``OSError``; ``translated`` makes errors of them."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def find(cls, path: Path) -> Directory | None:
        """Open it; None when there is none.

        Raises:
            OutputError: it cannot be opened, or is not safe: a link, another user's, or open to others.
        """
        with translated(f"cannot use the spool {path}"):
            try:
                fd = os.open(path, _OPEN)
            except FileNotFoundError:
                return None
            except NotADirectoryError:
                what = "is a link" if path.is_symlink() else "is no directory"
                raise OutputError(f"the spool {path} {what}", hint="name a directory with --spool=DIR") from None
            try:
                _check(path, os.fstat(fd))
            except OutputError:
                os.close(fd)
                raise
        return cls(path, fd)

    @classmethod
    def make(cls, path: Path) -> Directory:
        """Open it, and make it (mode 0700) and those above it where they are missing.

        Raises:
            OutputError: as ``find``, or it cannot be made.
        """
        found = cls.find(path)
        if found is not None:
            return found
        with translated(f"cannot make the spool {path}"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                path.mkdir(mode=0o700)
            _sync(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), close=True)
        made = cls.find(path)
        if made is None:
            raise OutputError(f"the spool {path} was removed as soon as it was made")
        return made

    def segments(self, run: str | None = None) -> list[str]:
        """Names of the segments (of one run), in the order of runs and within each in its own."""
        return sorted(name for name in self._names() if is_segment(name) and run in (None, run_of(name)))

    def runs(self) -> list[str]:
        """The runs that left files here, oldest first."""
        return sorted({run for name in self._names() if (run := run_of(name)) is not None})

    def files(self, run: str) -> list[str]:
        """All files of a run."""
        return [name for name in self._names() if name.startswith(run + ".")]

    def _names(self) -> list[str]:
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
def translated(what: str) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into ``OutputError``: ``what (reason)``.

    Raises:
        OutputError: it refused.
    """
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "choose a directory on a local disk with --spool=DIR" if error.errno in _NO_LOCKS else None
        raise OutputError(f"{what}: {reason}", hint=hint) from error


def _check(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise OutputError(
            f"the spool {path} belongs to user {status.st_uid}, not to us", hint="name another with --spool=DIR"
        )
    if status.st_mode & 0o077:
        raise OutputError(
            f"the spool {path} is open to others (mode {stat.S_IMODE(status.st_mode):04o})",
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
