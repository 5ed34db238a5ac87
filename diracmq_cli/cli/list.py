"""``dirac-mq list``: the queues the CS knows, and what waits in them."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped

EXAMPLES = """\
dirac-mq list
dirac-mq list 'demo.*' -j | jq -r 'select(.ready > 1000).queue'
"""


@grouped
def list_(
    pattern: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN]...", help="Only names like this, such as 'demo.*'.")
    ] = None,
    *,
    connection: Connection,
    talk: Talk,
) -> None:
    """List the queues of the CS and what waits in them.

    Streams keep what was read, so they show no count. Queues that you may not look at say so.
    """
    with running("list", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.wiring.listing import ListOptions, run_list

        run_list(
            setup_of(connection, console),
            ListOptions(patterns=tuple(pattern or ()), broker=connection.broker, timeout=connection.timeout),
            console,
        )
