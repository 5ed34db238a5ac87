"""``dirac-mq move``: from queue to queue, or dead letters back to where they died."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import QUEUE_HELP, Connection, Talk, grouped, rate

EXAMPLES = """\
dirac-mq move demo.dead --redrive --dry-run
dirac-mq move demo.dead --redrive --rate 50/s
dirac-mq move demo.jobs demo.later -n 100
"""


@grouped
def move(
    source: Annotated[str, typer.Argument(metavar="SRC", help=QUEUE_HELP)],
    destination: Annotated[str | None, typer.Argument(metavar="[DST]", help="The queue to move to.")] = None,
    *,
    redrive: Annotated[
        bool, typer.Option("--redrive", help="Put each dead letter back into the queue in which it died first.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("-n", "--count", metavar="N", min=1, help="Move N messages (default all that wait).")
    ] = None,
    pace: Annotated[
        float | None,
        typer.Option("--rate", parser=rate, metavar="N/s", help="Move no faster than this, such as 50/s or 10/m."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would go where, and leave everything in its place.")
    ] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Move even where you are no Mover, or each look counts towards a delivery limit."),
    ] = False,
    connection: Connection,
    talk: Talk,
) -> None:
    """Move the messages that wait in a queue to another, or dead letters back to where they died.

    Each is taken off SRC only after the broker has confirmed it where it went. It keeps its id, properties, headers
    and signature; the header dirac-moved says who moved it, and readers believe that of the target queue's Movers.

    --redrive goes by x-death, through the exchange of the queue in which a letter died, and only where the CS sends
    the dead letters of that queue to SRC. Everything else stays, and is counted with the reason.

    Run it again after an interruption: what was in flight may be in both queues, under the same id.
    """
    with running("move", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.wiring.moving import MoveOptions, run_move

        run_move(
            setup_of(connection, console),
            MoveOptions(
                source=source,
                destination=destination,
                redrive=redrive,
                count=count,
                rate=pace,
                dry_run=dry_run,
                force=force,
                timeout=connection.timeout,
            ),
            console,
        )
