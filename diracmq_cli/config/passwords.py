"""Passwords of servers: taken only from a file that nobody else can read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.model import Secret, Source
from diracmq_cli.errors import CredentialError

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.tree import Section

LOCAL_INSTALLATION = "/LocalInstallation/MessageQueueing"


def find_password(
    configuration: Configuration, sections: Sequence[Section | None], name: str = "Password"
) -> tuple[Secret | None, CredentialError | None]:
    """The option ``name`` of the first of ``sections`` that has one, or why it cannot be used.

    A password that others could read is not passed over for a less specific one: it would be the wrong one.
    """
    for section in sections:
        option = section.options.get(name) if section is not None else None
        if section is None or option is None or not option.value:
            continue
        exposure = configuration.exposed.get(option.file)
        if exposure is None:
            return Secret(option.value, Source(f"{section.path}/{name}", option.file)), None
        return None, CredentialError(
            f"{section.path}/{name} in {option.place} cannot be used: {exposure}",
            hint=f"chmod 600 {shlex.quote(option.file)}",
        )
    return None, None


def local_sections(configuration: Configuration, queue: str) -> tuple[Section | None, Section | None]:
    """The RFC's places for the password of ``queue``: its own, and the one for all queues."""
    everything = configuration.tree.at(LOCAL_INSTALLATION)
    return (None if everything is None else everything.sections.get(queue)), everything
