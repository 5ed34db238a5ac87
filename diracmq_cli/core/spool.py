"""What is kept on disk until a broker takes it: whose it is, where it was going, and the message itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """To whom an entry belongs: the login it was stamped under (a DN, or a server's name) and the service it was for.

    Nobody else sends it: the broker would refuse its ``user_id``, or vouch for the wrong person.
    """

    login: str
    service: str

    def __str__(self) -> str:
        return f"{self.login} at {self.service}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """What one run of a sender says of everything that it keeps.

    ``destination`` is the address as the user knows it; ``exchange`` is where it is published.
    """

    owner: Owner
    destination: str
    exchange: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolEntry:
    """A message that waits; ``file`` and ``offset`` say where it stands."""

    label: Label
    message: Message
    file: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What stands where entries were dropped because the spool was full: how many."""

    label: Label
    entries: int
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """A file of the spool that cannot be read (``entries`` is None), or in which so many entries cannot."""

    file: str
    reason: str
    entries: int | None = None


def entries(count: int) -> str:
    """``1 entry``, ``2 entries``."""
    return "1 entry" if count == 1 else f"{count} entries"


@dataclass(slots=True)
class Losses:
    """How many entries were given up, and why: too old, no room, unreadable."""

    expired: int = 0
    dropped: int = 0
    damaged: int = 0

    def __bool__(self) -> bool:
        return bool(self.expired or self.dropped or self.damaged)

    def text(self) -> str:
        """The figures that are not zero, in words."""
        named = (
            (self.expired, "expired"),
            (self.dropped, "dropped because the spool was full"),
            (self.damaged, "damaged on disk"),
        )
        return ", ".join(f"{count} {name}" for count, name in named if count)
