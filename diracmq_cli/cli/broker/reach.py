"""From the flags of ``diff`` and ``apply`` to the broker that is meant."""

from __future__ import annotations

from dataclasses import replace

from diracmq_cli.cli.flags import Connection
from diracmq_cli.cli.settings import setup_of
from diracmq_cli.errors import UsageError
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.reaching import Reach
from diracmq_cli.wiring.setup import Setup


def reach_of(service: str | None, node: str | None, connection: Connection, console: Console) -> tuple[Setup, Reach]:
    """The composition root, and which broker to reach how.

    The CS is asked even if there is a fresh copy of it, unless ``--cs-max-age`` says otherwise: what an hour ago was
    somebody's right may have been taken away since.

    Raises:
        UsageError: a URL is named.
    """
    name = service or connection.broker
    if name is not None and "://" in name:
        raise UsageError(f"{name} is no service of the CS", hint="name one with --service")
    if connection.cs_max_age is None:
        connection = replace(connection, cs_max_age=0.0)
    return setup_of(connection, console), Reach(service=name, node=node, timeout=connection.timeout)
