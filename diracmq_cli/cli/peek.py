"""``dirac-mq peek``: look at the next messages without taking them."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import QUEUE_HELP, Connection, Talk, grouped
from diracmq_cli.cli.readerflags import Reading, Trust

EXAMPLES = """\
dirac-mq peek demo.jobs
dirac-mq peek demo.jobs -n 100 -j | jq -r .origin.dn | sort | uniq -c
"""


@grouped
def peek(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help=QUEUE_HELP)],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Look even where each look counts towards a delivery limit.")
    ] = False,
    connection: Connection,
    reading: Reading,
    trust: Trust,
    talk: Talk,
) -> None:
    """Look at the next messages (10, or -n) and put all of them back.

    They are back, in order, before any is shown. While they are held, other consumers do not see them.

    A quorum queue counts every look, and with a low limit a few looks would lose messages: so peek refuses where the
    CS gives the queue no DeliveryLimit of 100 or more.

    Messages whose origin is not as --require, --allow-dn or the CS ask are left out, and counted on stderr.
    """
    with running("peek", talk) as console:
        from diracmq_cli.cli.settings import limits_of, setup_of, trust_of
        from diracmq_cli.wiring.peeking import PeekOptions, run_peek

        run_peek(
            setup_of(connection, console),
            PeekOptions(
                queue=queue,
                limits=limits_of(connection, reading),
                template=reading.template,
                force=force,
                trust=trust_of(trust),
            ),
            console,
        )
