"""Whose messages are accepted, and how well their origin must be known (DESIGN: policy)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from diracmq_cli.core.dn import normalise
from diracmq_cli.core.model import OriginLevel, Principals
from diracmq_cli.core.refusal import READERS_OWN, Distrust
from diracmq_cli.errors import ConfigError, DataError

if TYPE_CHECKING:
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.core.verdict import Verdict

_USER = "user:"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a message is not accepted: for people, and ``code`` for programs (``core.refusal``)."""

    code: str
    reason: str

    @property
    def readers_own(self) -> bool:
        """Whether it is the reader who cannot judge, and nothing is known against the message."""
        return self.code in READERS_OWN


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptancePolicy:
    """What a verdict must be to be handed on.

    ``dns`` and ``users`` (servers' logins) are who is allowed; both None allow everybody. A list asks for proof: what
    is only claimed never satisfies it, whatever ``require`` says.
    """

    require: OriginLevel = OriginLevel.CLAIMED
    dns: frozenset[str] | None = None
    users: frozenset[str] | None = None

    @classmethod
    def of(cls, require: OriginLevel | None, allowed: Iterable[Principals], registry: Registry) -> AcceptancePolicy:
        """The policy that allows those who are named in every one of ``allowed``; without any, everybody.

        Groups are their members' DNs as ``/Registry`` has them: the group that a proxy names is its own word only.

        Raises:
            ConfigError: the registry does not know a group.
        """
        level = require or OriginLevel.CLAIMED
        dns: frozenset[str] | None = None
        users: frozenset[str] | None = None
        for principals in allowed:
            members = [dn for name in principals.groups for dn in registry.members(name)]
            named, logins = frozenset((*principals.dns, *members)), frozenset(principals.users)
            dns = named if dns is None else dns & named
            users = logins if users is None else users & logins
        return cls(require=level, dns=dns, users=users)

    @property
    def level(self) -> OriginLevel:
        """The level that is asked for in effect."""
        listed = self.dns is not None or self.users is not None
        return OriginLevel.BROKER if listed and self.require is OriginLevel.CLAIMED else self.require

    def refusal(self, verdict: Verdict) -> Refused | None:
        """Why a message of this verdict is not accepted; None when it is."""
        if verdict.level is None:
            return Refused(
                verdict.code or Distrust.NOT_ALLOWED.value, verdict.reason or "its origin contradicts itself"
            )
        if verdict.level.rank < self.level.rank:
            reason = f"its origin is {_known(verdict.level)}, and {_known(self.level)} is required"
            return Refused(Distrust.TOO_WEAK.value, reason)
        if self.dns is None and self.users is None:
            return None
        if verdict.dn is not None and verdict.dn in (self.dns or ()):
            return None
        if verdict.user is not None and verdict.user in (self.users or ()):
            return None
        name = verdict.dn or _USER + (verdict.user or "")
        return Refused(Distrust.NOT_ALLOWED.value, f"{name} is not among those allowed")


def _known(level: OriginLevel) -> str:
    match level:
        case OriginLevel.CLAIMED:
            return "only claimed"
        case OriginLevel.BROKER:
            return "vouched for by the broker"
        case OriginLevel.SIGNED:
            return "signed"
        case _:
            assert_never(level)


def read_allowed(text: str, file: str) -> Principals:
    """Read a file of those who are allowed: one DN a line, or ``user:NAME`` for a server, as in the CS.

    Empty lines and lines that begin with ``#`` are passed over, as in APEL SSM's file of DNs.

    Raises:
        ConfigError: a line is neither; the message names file and line.
    """
    dns, users = [], []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        if entry.startswith(_USER) and entry != _USER:
            users.append(entry.removeprefix(_USER))
            continue
        try:
            dns.append(normalise(entry))
        except DataError as error:
            raise ConfigError(f"{file}, line {number}: {error}") from None
    return Principals(dns=tuple(dns), users=tuple(users))
