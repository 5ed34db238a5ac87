"""Read ``/Registry``: who has which DNs, and who is in which group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.config.lists import items
from diracmq_cli.config.options import Options
from diracmq_cli.core.dn import DNError, normalise, split_list
from diracmq_cli.core.registry import Group, Registry

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.errors import ConfigError


def read_registry(configuration: Configuration) -> Registry:
    """The users and groups of the configuration.

    Never raises for one user: a DN that cannot be read is left out, so that nobody gets a right by it, and its
    refusal is kept in ``refused``.
    """
    refused: dict[str, tuple[ConfigError, ...]] = {}
    users: dict[str, tuple[str, ...]] = {}
    for nick, section in configuration.sections("/Registry/Users").items():
        users[nick], errors = _dns(Options(section))
        if errors:
            refused[nick] = errors
    groups = {}
    for name, section in configuration.sections("/Registry/Groups").items():
        options = Options(section)
        groups[name] = Group(
            users=tuple(options.read(items, "Users") or ()), properties=tuple(options.read(items, "Properties") or ())
        )
    return Registry(users=users, groups=groups, refused=refused, files=configuration.files)


def _dns(options: Options) -> tuple[tuple[str, ...], tuple[ConfigError, ...]]:
    dns: list[str] = []
    refused: list[ConfigError] = []
    for text in split_list(options.text("DN") or ""):
        try:
            dns.append(normalise(text))
        except DNError as error:
            refused.append(options.refusal(str(error), "DN"))
    return tuple(dict.fromkeys(dns)), tuple(refused)
