"""``dirac-mq`` itself: its help, and flags that stand before the verb."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.flags import show_version

HELP = """Messaging for DIRAC over RabbitMQ, with grid certificates and RFC 3820 proxies."""

EPILOG = """\
Each everyday verb is also a command of its own: dirac-mq-send, dirac-mq-tail, dirac-mq-consume and so on.
"""


def suite(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Hold the verbs together; nothing is done before one is named."""
