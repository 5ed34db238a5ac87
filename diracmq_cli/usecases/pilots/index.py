"""Which pilot is whose, how much of its log is there for good, and which messages are in it: one SQLite file.

What was written to a log counts from the moment that the new size is committed here, together with the ids of the
messages that it came from. So after a crash at any point a log is cut to its size, the messages come again, and no line
is there twice or half.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Collection
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING

from diracmq_cli.errors import OutputError
from diracmq_cli.usecases.pilots.names import is_log

if TYPE_CHECKING:
    from diracmq_cli.spool import Directory

FILE = "pilots.sqlite"

IDS = 1_000_000
"""Messages that are remembered, some 60 MB: the last ones, of all pilots together."""

OWNERS = 1_000_000
"""Pilots whose owner is remembered after their logs were removed; the longest silent ones go first."""


@dataclass(slots=True)
class Log:
    """The log of one pilot.

    ``size`` is how much of its current file counts, ``rotated`` the number of its newest older file (0: there has been
    none), ``oldest`` of the oldest that is kept, ``behind`` the octets of these; ``last`` is when it was written to, in
    microseconds since the epoch.
    """

    pilot: str
    owner: str
    size: int = 0
    rotated: int = 0
    oldest: int = 1
    behind: int = 0
    last: int = 0
    finished: bool = False
    kept: bool = True

    @property
    def octets(self) -> int:
        """Of all its files."""
        return self.size + self.behind


_COLUMNS = ", ".join(field.name for field in fields(Log))
_MARKS = ", ".join("?" for _ in fields(Log))


class Index:
    """The file, in a directory that is locked for us. Its methods raise ``sqlite3.Error``.

    Raises:
        OutputError: the file has gone while logs are there, so that nobody knows whose they are.
    """

    def __init__(self, directory: Directory) -> None:
        names = directory.names()
        if FILE not in names and any(map(is_log, names)):
            raise OutputError(
                f"{directory.path} holds logs of pilots and no {FILE} that says whose they are",
                hint="bring the file back, or move the logs elsewhere",
            )
        os.close(directory.open(FILE, os.O_RDWR | os.O_CREAT))
        self._base = sqlite3.connect(directory.path / FILE, isolation_level=None)
        self._base.execute("PRAGMA journal_mode = TRUNCATE")
        self._base.execute("PRAGMA synchronous = FULL")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS logs (pilot TEXT PRIMARY KEY, owner TEXT NOT NULL, size INTEGER NOT NULL, "
            "rotated INTEGER NOT NULL, oldest INTEGER NOT NULL, behind INTEGER NOT NULL, last INTEGER NOT NULL, "
            "finished INTEGER NOT NULL, kept INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._base.execute("CREATE INDEX IF NOT EXISTS logs_age ON logs (kept, finished DESC, last)")
        self._base.execute(
            "CREATE TABLE IF NOT EXISTS messages (message BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID"
        )
        self._base.execute("CREATE INDEX IF NOT EXISTS messages_number ON messages (number)")
        (self._number,) = self._base.execute("SELECT coalesce(max(number), 0) FROM messages").fetchone()
        self.forget_owners()

    def find(self, pilot: str) -> Log | None:
        """A pilot's log; None where the id was never used, as far as is remembered."""
        row = self._base.execute(f"SELECT {_COLUMNS} FROM logs WHERE pilot = ?", (pilot,)).fetchone()  # noqa: S608
        return None if row is None else _log(row)

    def put(self, log: Log) -> None:
        """Change a log's row, or add it; ``commit`` makes it durable."""
        self._begin()
        self._base.execute(f"INSERT OR REPLACE INTO logs ({_COLUMNS}) VALUES ({_MARKS})", astuple(log))  # noqa: S608

    def knows(self, message: bytes) -> bool:
        """Whether a message (by ``message_key``) is in its log already."""
        found = self._base.execute("SELECT 1 FROM messages WHERE message = ?", (message,))
        return found.fetchone() is not None

    def remember(self, messages: Collection[bytes]) -> None:
        """These are in their logs now; ``commit`` makes it durable."""
        self._begin()
        rows = [(message, self._number + place) for place, message in enumerate(messages, 1)]
        self._base.executemany("INSERT OR REPLACE INTO messages VALUES (?, ?)", rows)
        self._number += len(messages)
        self._base.execute("DELETE FROM messages WHERE number <= ?", (self._number - IDS,))

    def commit(self) -> None:
        """Make durable what was said since the last time."""
        if self._base.in_transaction:
            self._base.execute("COMMIT")

    def rollback(self) -> None:
        """Forget what was said since the last time."""
        if self._base.in_transaction:
            with suppress(sqlite3.Error):  # SQLite has done so itself after some errors
                self._base.execute("ROLLBACK")

    def first_to_go(self) -> Log | None:
        """The log that would be removed now: of those whose pilot has finished, else of all, the longest silent."""
        order = "ORDER BY finished DESC, last LIMIT 1"
        row = self._base.execute(f"SELECT {_COLUMNS} FROM logs WHERE kept = 1 {order}").fetchone()  # noqa: S608
        return None if row is None else _log(row)

    def kept(self) -> tuple[int, int]:
        """How many logs there are, and their octets in all."""
        count, octets = self._base.execute(
            "SELECT count(*), coalesce(sum(size + behind), 0) FROM logs WHERE kept = 1"
        ).fetchone()
        return count, octets

    def forget_owners(self) -> None:
        """Forget whose the pilots were whose logs were removed longest ago, beyond ``OWNERS``."""
        self._base.execute(
            "DELETE FROM logs WHERE kept = 0 AND pilot IN "
            "(SELECT pilot FROM logs WHERE kept = 0 ORDER BY last DESC LIMIT -1 OFFSET ?)",
            (OWNERS,),
        )

    def close(self) -> None:
        """Close it; what was not committed is forgotten."""
        with suppress(sqlite3.Error):
            self._base.close()

    def _begin(self) -> None:
        if not self._base.in_transaction:
            self._base.execute("BEGIN IMMEDIATE")


def message_key(owner: str, pilot: str, message_id: str) -> bytes:
    """What a message is remembered by: 16 octets that no other owner, pilot or id gives."""
    parts = (part.encode() for part in (owner, pilot, message_id))
    framed = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hashlib.sha256(framed).digest()[:16]


def _log(row: tuple[str, str, int, int, int, int, int, int, int]) -> Log:
    pilot, owner, size, rotated, oldest, behind, last, finished, kept = row
    return Log(pilot, owner, size, rotated, oldest, behind, last, bool(finished), bool(kept))
