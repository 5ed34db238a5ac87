"""Users and groups of the CS (``/Registry``), so that a right given to a group reaches its members' DNs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diracmq_cli.errors import ConfigError

PILOT_PROPERTIES = frozenset({"GenericPilot", "Pilot"})
"""What DIRAC lets groups of pilots do (``DIRAC.Core.Security.Properties``; Pilot up to v8)."""


@dataclass(frozen=True, slots=True)
class Group:
    """A DIRAC group: the nicks of its members, and its properties."""

    users: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """Who has which DNs (normalised), and who is in which group.

    ``refused`` says, by nick, which DNs could not be read; ``files`` are the CFG files that were read, for hints.
    """

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    refused: Mapping[str, tuple[ConfigError, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    def members(self, group: str) -> tuple[str, ...]:
        """The DNs of a group's members, each once. A nick without a DN, or unknown, adds none: registries hold many
        that have left.

        Raises:
            ConfigError: there is no such group; to take it for empty would hide a typo in a list of rights.
        """
        return tuple(dict.fromkeys(dn for nick in self._nicks(group) for dn in self.users.get(nick, ())))

    def refusals(self, group: str) -> tuple[ConfigError, ...]:
        """Why DNs of the group's members could not be read; raises as ``members``."""
        return tuple(error for nick in self._nicks(group) for error in self.refused.get(nick, ()))

    def pilots(self) -> frozenset[str]:
        """The DNs that pilots run under: members of groups that have a pilot's property, or are called after them."""
        return frozenset(
            dn
            for name, group in self.groups.items()
            if "pilot" in name.lower() or not PILOT_PROPERTIES.isdisjoint(group.properties)
            for dn in self.members(name)
        )

    def _nicks(self, group: str) -> tuple[str, ...]:
        if group not in self.groups:
            where = ", ".join(self.files) or "no CFG file"
            raise ConfigError(f"/Registry/Groups in {where} has no group {group}")
        return self.groups[group].users
