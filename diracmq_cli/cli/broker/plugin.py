"""``dirac-mq broker plugin``: the Erlang plugin alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Talk, grouped

EXAMPLES = """\
dirac-mq broker plugin --out /usr/lib/rabbitmq/plugins
"""


@grouped
def plugin(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to put the plugin's own directory.")],
    rabbitmq_home: Annotated[
        Path | None,
        typer.Option(
            "--rabbitmq-home",
            metavar="DIR",
            help="RabbitMQ to compile against: what holds sbin/ and plugins/ (default: the newest installed).",
        ),
    ] = None,
    talk: Talk,
) -> None:
    """Build the plugin that lets RFC 3820 proxies log in, for the Erlang of this machine.

    It prints the directory that it made. An older Erlang's build runs on a newer one, not the other way round. The
    broker loads it from its plugins directory or one of RABBITMQ_PLUGINS_DIR, when it is enabled instead of
    rabbitmq_auth_mechanism_ssl; with both it does not start.
    """
    with running("broker", talk) as console:
        from diracmq_cli.wiring.plugging import run_plugin

        run_plugin(out.absolute(), rabbitmq_home, console)
