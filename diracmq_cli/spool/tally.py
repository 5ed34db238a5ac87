"""What was lost, counted once: one process may meet the same gap as the one that made it and as one that reads it."""

from __future__ import annotations

from diracmq_cli.core.spool import Flaw, Losses


class Tally:
    """Counts losses over everything that one ``Spool`` does."""

    def __init__(self) -> None:
        self.losses = Losses()
        self.flaws: list[Flaw] = []
        self._told: set[tuple[str, str]] = set()

    def expired(self) -> None:
        """An entry was too old to be sent."""
        self.losses.expired += 1

    def dropped(self, file: str, entries: int) -> None:
        """``file`` holds a gap of so many entries."""
        if self._first("gap", file):
            self.losses.dropped += entries

    def damaged(self, flaw: Flaw) -> None:
        """A file, or part of it, cannot be read."""
        if self._first("flaw", flaw.file):
            self.flaws.append(flaw)
            self.losses.damaged += flaw.entries or 0

    def _first(self, what: str, file: str) -> bool:
        new = (what, file) not in self._told
        self._told.add((what, file))
        return new
