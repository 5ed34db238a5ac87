"""``dirac-mq peek``: look at the next messages without taking them."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Reading, Talk, grouped

EPILOG = """\
Examples:
  dirac-mq peek demo.jobs
  dirac-mq peek demo.jobs -n 100 -j | jq -r .headers.\\"dirac-dn\\" | sort | uniq -c
"""


@grouped
def peek(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="Queue of the CS.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Look even where each look counts towards a delivery limit.")
    ] = False,
    connection: Connection,
    reading: Reading,
    talk: Talk,
) -> None:
    """Show the next messages (10, or -n) of a queue and put all of them back, in order, before printing.

    While they are held, other consumers do not see them.
    """
    with running("peek", talk) as console:
        from diracmq_cli.cli.settings import limits_of, setup_of
        from diracmq_cli.wiring.peeking import PeekOptions, run_peek

        run_peek(
            setup_of(connection),
            PeekOptions(queue=queue, limits=limits_of(connection, reading), template=reading.template, force=force),
            console,
        )
