"""A set of signed messages on disk that survives its process: SQLite, which locks, syncs and recovers by itself.

A message is 16 octets of a hash of signer and id, and the second from which on it need not be remembered, because its
signature will be too old by then. The rollback journal is used rather than the write-ahead log: that one needs shared
memory, which home directories on network file systems do not give.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
import stat
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from diracmq_cli.errors import OutputError

MOST = 1_000_000
"""Messages that are remembered of a queue, some 60 MB; those that could be forgotten first make room for new ones."""

_PATIENCE = 10.0
"""Seconds to wait for another process that is writing; one writes for milliseconds."""

_FORGET_EVERY = 60.0
"""Seconds between removals of what need not be remembered any more."""

_log = logging.getLogger(__name__)


class SeenStore:
    """Remembers messages in one file (port ``Seen``), which any number of processes may share.

    Args:
        path: the file; it is made (0600, in a directory 0700) if it is not there.
        keep: seconds for which a message is remembered.
        clock: seconds since the epoch.
        most: how many are remembered at most.

    Raises:
        OutputError: it cannot be used, or is not ours alone.
    """

    def __init__(self, path: Path, *, keep: float, clock: Callable[[], float] = time.time, most: int = MOST) -> None:
        self._path = path
        self._keep = keep
        self._clock = clock
        self._most = most
        self._forget_at = 0.0
        with self._translated():
            _make_private(path)
            self._base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
            self._base.execute("PRAGMA journal_mode = TRUNCATE")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS seen (message BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID"
            )
            self._base.execute("CREATE INDEX IF NOT EXISTS seen_until ON seen (until)")

    def knows(self, signer: str, message_id: str) -> bool:
        """See ``core.ports.Seen``."""
        with self._translated():
            found = self._base.execute("SELECT 1 FROM seen WHERE message = ?", (_key(signer, message_id),))
            return found.fetchone() is not None

    def add(self, taken: Collection[tuple[str, str]]) -> None:
        """See ``core.ports.Seen``."""
        now = self._clock()
        rows = [(_key(signer, message_id), int(now + self._keep) + 1) for signer, message_id in taken]
        with self._translated():
            self._base.execute("BEGIN IMMEDIATE")
            try:
                self._base.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", rows)
                if now >= self._forget_at:
                    self._forget(int(now))
                    self._forget_at = now + _FORGET_EVERY
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")

    def close(self) -> None:
        """See ``core.ports.Seen``."""
        with suppress(sqlite3.Error):
            self._base.close()

    def _forget(self, now: int) -> None:
        self._base.execute("DELETE FROM seen WHERE until < ?", (now,))
        (count,) = self._base.execute("SELECT count(*) FROM seen").fetchone()
        surplus = count - self._most
        if surplus > 0:
            _log.warning("%s remembers %d messages; %d are forgotten before their time", self._path, count, surplus)
            self._base.execute(
                "DELETE FROM seen WHERE message IN (SELECT message FROM seen ORDER BY until LIMIT ?)", (surplus,)
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise OutputError(
                f"cannot remember in {self._path} which messages were taken: {reason}",
                hint="XDG_STATE_HOME names another place; without the file, what was taken may be taken again",
            ) from error


def _key(signer: str, message_id: str) -> bytes:
    """The DN holds no NUL, so that no other pair gives the same octets."""
    return hashlib.sha256(f"{signer}\0{message_id}".encode()).digest()[:16]


def _make_private(path: Path) -> None:
    """Make the file and its directory, for us alone; refuse what others could have put there."""
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.parent.mkdir(mode=0o700)
    _check(path.parent, path.parent.lstat(), stat.S_ISDIR)
    # SQLite gives its journal the mode of the file.
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        _check(path, os.fstat(fd), stat.S_ISREG)
    finally:
        os.close(fd)


def _check(path: Path, status: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    if not is_kind(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise OutputError(
            f"{path} is not ours alone, so it cannot tell which messages were taken",
            hint=f"look what it is, then remove it, or chmod go= {path}",
        )
