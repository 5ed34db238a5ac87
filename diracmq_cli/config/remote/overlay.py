"""Lay the local CFG over what a configuration server said (DIRAC, ``ConfigurationData.sync``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.config.tree import Section, merge

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration


def overlay(local: Configuration, remote: Section, server: str) -> Configuration:
    """The configuration that ``local`` and the CS make together.

    Args:
        local: what the files say; it wins.
        remote: what the CS says, from a text after ``without_passwords``.
        server: its URL, which is what errors and sources call the origin.
    """
    tree = merge(local.tree, remote)
    exposed = {**local.exposed, server: "it came over the network"}
    warnings = tuple(
        f"{path}/Password from {server} is ignored: a password in the CS is no secret"
        for path in _ignored(tree, server)
    )
    return replace(
        local,
        tree=tree,
        files=(*local.files, server),
        exposed=exposed,
        warnings=local.warnings + warnings,
    )


def _ignored(section: Section, server: str) -> Iterator[str]:
    """The sections of messaging that had a password of which ``without_passwords`` left the name."""
    option = section.options.get("Password")
    about_messaging = section.path.startswith("/Resources/MQServices/") or "/MessageQueueing" in section.path
    if option is not None and option.file == server and about_messaging:
        yield section.path
    for below in section.sections.values():
        yield from _ignored(below, server)
