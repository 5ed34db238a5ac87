"""How much ``apply`` takes away before it asks: one wrong line in the CS must not lock a collaboration out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.entries import Entries, Kind

FLOOR = 5
SHARE = 0.10
_THINGS = (Kind.EXCHANGE, Kind.BINDING, Kind.POLICY)


@dataclass(frozen=True, slots=True)
class Losses:
    """What a set of changes takes away: ``losers`` are the users who lose something, ``things`` what is removed.

    ``users`` and ``present`` are how many of each the broker holds.
    """

    losers: tuple[str, ...]
    things: int
    users: int
    present: int

    def __bool__(self) -> bool:
        return bool(self.losers or self.things)

    def excess(self, limit: int | None) -> str | None:
        """Why this is too much at once; None when it is not.

        Args:
            limit: how many people and how many things may go; None: the larger of 5 and a tenth of each.
        """
        counts = (
            (len(self.losers), self.users, "users would lose rights"),
            (self.things, self.present, "exchanges, bindings and policies would go"),
        )
        for count, total, words in counts:
            allowed = max(FLOOR, int(total * SHARE)) if limit is None else limit
            if count > allowed:
                return f"{count} of {total} {words}, and {allowed} are allowed at once"
        return None


def losses(changes: Iterable[Change], live: Entries) -> Losses:
    """Count what ``changes`` take away from what is there."""
    changes = tuple(changes)
    kinds = [entry.kind for entry in live.values()]
    return Losses(
        losers=tuple(sorted({change.loser for change in changes if change.loser is not None})),
        things=sum(change.action is Action.REMOVE and change.entry.kind in _THINGS for change in changes),
        users=kinds.count(Kind.USER),
        present=sum(map(kinds.count, _THINGS)),
    )
