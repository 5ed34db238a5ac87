"""What all inputs are read from: a file descriptor and the name it has in errors."""

from __future__ import annotations

import os
import select
import stat
import sys
from io import FileIO

from diracmq_cli.errors import DataError, UsageError

CHUNK = 128 * 1024
"""Octets of one read: twice a pipe's capacity, and not so much that a chunk of empty lines is a burden."""


class Descriptor:
    """An open file, pipe or terminal that is read without ever waiting for it."""

    def __init__(self, file: FileIO, name: str) -> None:
        self.name = name
        self._file = file
        self._poll = select.poll()
        self._poll.register(file, select.POLLIN)
        mode = os.fstat(file.fileno()).st_mode
        self._may_wait = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or file.isatty()

    def fileno(self) -> int | None:
        """The descriptor to wait on; None for what is always readable and what epoll therefore refuses (EPERM)."""
        return self._file.fileno() if self._may_wait else None

    def read(self) -> bytes | None:
        """The octets that are here now, at most ``CHUNK``; None when there are none yet, empty at the end.

        It asks poll(2) first, because O_NONBLOCK on our standard input would be O_NONBLOCK for whoever shares it.

        Raises:
            DataError: it cannot be read.
        """
        if not self._poll.poll(0):
            return None
        try:
            return self._file.read(CHUNK)
        except OSError as error:
            raise DataError(f"cannot read {self.name}: {_reason(error)}") from error


def standard_input() -> Descriptor:
    """Descriptor 0, which is left open.

    Raises:
        UsageError: the caller has closed it.
    """
    try:
        if sys.stdin is not None:  # it is None when 0 was closed at the start; by now 0 may be anything
            return Descriptor(FileIO(0, closefd=False), "standard input")
    except OSError:
        pass
    raise UsageError("standard input is closed", hint="give the message with -m TEXT or as a FILE")


def open_file(path: str) -> Descriptor:
    """Open a file for reading; a named pipe without a writer is not waited for.

    Raises:
        UsageError: it cannot be opened.
    """
    try:
        return Descriptor(FileIO(path, opener=_open_at_once), path)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {_reason(error)}") from error


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _reason(error: OSError | ValueError) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def check_file(path: str) -> os.stat_result:
    """See that a file is there and can be read, before anything is sent.

    Raises:
        UsageError: it is not.
    """
    try:
        status = os.stat(path)  # noqa: PTH116  (the path goes into the error as it was typed)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot open {path}: {_reason(error)}") from error
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"cannot open {path}: is a directory")
    if not os.access(path, os.R_OK):
        raise UsageError(f"cannot open {path}: permission denied")
    return status
