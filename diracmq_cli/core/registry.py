"""Users and groups of the CS (``/Registry``), so that a right given to a group reaches its members' DNs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diracmq_cli.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Group:
    """A DIRAC group: the nicks of its members, and its properties."""

    users: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """Who has which DNs (normalised), and who is in which group.

    ``refused`` are the DNs that could not be read; ``files`` the CFG files that were read, for hints.
    """

    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    refused: tuple[ConfigError, ...] = ()
    files: tuple[str, ...] = ()

    def members(self, group: str) -> tuple[str, ...]:
        """The DNs of a group's members, each once. A nick without a DN, or unknown, adds none: registries hold many
        that have left.

        Raises:
            ConfigError: there is no such group; to take it for empty would hide a typo in a list of rights.
        """
        if group not in self.groups:
            where = ", ".join(self.files) or "no CFG file"
            raise ConfigError(f"/Registry/Groups in {where} has no group {group}")
        return tuple(dict.fromkeys(dn for nick in self.groups[group].users for dn in self.users.get(nick, ())))
