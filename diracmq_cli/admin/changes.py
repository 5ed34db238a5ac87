"""One difference between what the CS wants and what a broker holds, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diracmq_cli.admin.entries import Entry, Kind


class Action(StrEnum):
    """What a difference asks for. The last two are left to a person, since messages could be lost by them.

    ``CONFLICT``: what the CS wants otherwise and only its deletion could change. ``FOREIGN``: a queue that the CS does
    not know.
    """

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    CONFLICT = "conflict"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Args:
        action: what is to be done.
        entry: the entry as it shall be; what is not wanted, or not wanted so, as it is.
        detail: what differs, for people.
        loser: the user who loses a right, a password or the login by it, so that his open connections must end: a
            channel keeps the permissions that it has once looked up.
    """

    action: Action
    entry: Entry
    detail: str = ""
    loser: str | None = None

    @property
    def can_be_made(self) -> bool:
        """Whether ``apply`` can do it."""
        return self.action in (Action.ADD, Action.CHANGE, Action.REMOVE)

    @property
    def needs_prune(self) -> bool:
        """Whether only ``--prune`` does it. A permission goes without: who may do what is the CS's to say."""
        return self.action is Action.REMOVE and self.entry.kind is not Kind.PERMISSION
