"""The spool: one private directory, shared by all senders of one user on one machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from diracmq_cli.core.spool import Flaw, Gap, Label, Losses, Owner, SpoolEntry
from diracmq_cli.spool.backlog import RunBacklog
from diracmq_cli.spool.budget import DEFAULT_LIMIT, Budget
from diracmq_cli.spool.directory import Directory, translated
from diracmq_cli.spool.keeper import RunKeeper
from diracmq_cli.spool.removal import remove
from diracmq_cli.spool.run import Run
from diracmq_cli.spool.survey import count, label_of, survey
from diracmq_cli.spool.tally import Tally

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message


class Spool:
    """An open spool.

    Each sender writes files of its own and holds their lock, so that senders do not trample; what it leaves when it
    ends, however it ends, may be taken over by the next. ``losses`` counts what this object saw given up, ``flaws``
    lists what it could not read.

    Args:
        ttl: seconds after its stamp for which an entry is worth sending; None for ever.
        limit: octets that all files together may have.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        directory: Directory,
        *,
        ttl: float | None = None,
        limit: int = DEFAULT_LIMIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.path = directory.path
        self._directory = directory
        self._ttl = ttl
        self._now = now
        self._tally = Tally()
        self._last = ""
        self._budget = Budget(directory, limit, self._tally)

    @property
    def losses(self) -> Losses:
        """Entries given up so far."""
        return self._tally.losses

    @property
    def flaws(self) -> list[Flaw]:
        """What could not be read so far."""
        return self._tally.flaws

    def keeper(self, label: Label) -> RunKeeper:
        """Keep messages of this run under ``label``. A later keeper comes later in the spool's order."""
        self._last = Run.new_name(after=self._last)
        return RunKeeper(
            self._directory, label, self._budget, name=self._last, expired=self._expired, tally=self._tally
        )

    def abandoned(self, owner: Owner) -> Iterator[RunBacklog]:
        """What earlier senders left of ``owner``'s, oldest run first; each is held until it is closed. Runs that
        another process holds are passed over.

        Raises:
            OutputError: the spool cannot be read or locked.
        """
        with translated(f"cannot read the spool {self.path}"):
            runs = self._directory.runs()
        for name in runs:
            label = label_of(self._directory, name)
            if label is not None and label.owner != owner:
                continue
            backlog = self._claim(name, label or Label(owner=owner, destination="", exchange=""))
            if backlog is None:
                continue
            if label is None:  # its sender died before its first entry, or its files are damaged: nothing to send
                backlog.read(1)
                backlog.close()
            else:
                yield backlog

    def survey(self) -> Iterator[SpoolEntry | Gap | Flaw]:
        """Everything that waits, whoever owns it; nothing is changed.

        Raises:
            OutputError: the spool cannot be read.
        """
        return survey(self._directory)

    def count(self) -> dict[Label, int]:
        """How many entries wait under each label.

        Raises:
            OutputError: the spool cannot be read.
        """
        return count(self._directory)

    def remove(self, chosen: Callable[[SpoolEntry | Gap | Flaw], bool]) -> tuple[int, int]:
        """See ``removal.remove``."""
        return remove(self._directory, chosen)

    def close(self) -> None:
        """Close the directory, once keepers and backlogs are closed by whoever has them."""
        self._directory.close()

    def _claim(self, name: str, label: Label) -> RunBacklog | None:
        with translated(f"cannot lock the spool {self.path}"):
            run = Run.claim(self._directory, name)
        if run is None:
            return None
        return RunBacklog(run, label, expired=self._expired, tally=self._tally, where=str(self.path))

    def _expired(self, message: Message) -> bool:
        stamped = message.properties.timestamp
        return self._ttl is not None and stamped is not None and stamped + self._ttl < self._now()
