"""A file that tells how a consumer is, to whoever reads it at whatever moment."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from diracmq_cli.errors import OutputError

_log = logging.getLogger("dirac-consumer")


class StatusFile:
    """A small file that everybody may read, always replaced as a whole.

    Args:
        path: the file.
        option: the option that names it, for what is said about it.
    """

    def __init__(self, path: str, option: str) -> None:
        self._path, self._option = Path(path), option
        self._temporary = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        self._problem: str | None = None

    def begin(self, text: str) -> None:
        """Write it for the first time.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._write(text)
        except OSError as error:
            raise OutputError(f"{self._option}: cannot write {self._path}: {error.strerror}") from error

    def replace(self, text: str) -> None:
        """Write it anew. A full disk ends no consumer: it is told in the log, once, and so is its end."""
        try:
            self._write(text)
        except OSError as error:
            if self._problem != error.strerror:
                self._problem = error.strerror
                _log.warning("%s: cannot write %s: %s", self._option, self._path, error.strerror)
            return
        if self._problem is not None:
            self._problem = None
            _log.info("%s: %s is written again", self._option, self._path)

    def remove(self) -> None:
        """Take it away."""
        with contextlib.suppress(OSError):
            self._path.unlink()

    def _write(self, text: str) -> None:
        self._temporary.unlink(missing_ok=True)  # of an earlier process of this number
        descriptor = os.open(
            self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        try:
            with os.fdopen(descriptor, "w") as stream:
                os.fchmod(descriptor, 0o644)
                stream.write(text)
            self._temporary.replace(self._path)
        except OSError:
            self._temporary.unlink(missing_ok=True)
            raise
