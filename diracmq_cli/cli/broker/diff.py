"""``dirac-mq broker diff``: what a broker lacks, or has too much of."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped

EXAMPLES = """\
dirac-mq broker diff --service lhcb
sudo dirac-mq broker diff --service lhcb --node rabbit@mq1 -j | jq 'select(.loser)'
"""

Service = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help="Service of the CS whose broker is meant; the same as --broker."),
]
Node = Annotated[
    str | None,
    typer.Option(
        "--node",
        metavar="NODE",
        help="Use rabbitmqctl on the broker's host for that node, such as rabbit@mq1, and not the management API.",
    ),
]


@grouped
def diff(*, service: Service = None, node: Node = None, connection: Connection, talk: Talk) -> None:
    """Show in what a broker differs from what the CS wants.

    + would be added, ~ changed, - removed; ! is a queue or exchange that is wanted otherwise and can only be deleted,
    ? a queue that the CS does not know. Both are left to you: apply deletes no queue.

    What counts is the vhosts that the CS names: their exchanges, queues and bindings (but amq.*), permissions, the
    policies dirac-mq-*, and users whose names are DNs or stand in the CS. Users with a tag are left alone.

    The broker is asked through ManagementURL, as ManagementUser of the service, with the ManagementPassword of a local
    CFG file that only you can read. Exit 0 if nothing differs, 4 if something does.
    """
    with running("broker", talk) as console:
        from diracmq_cli.cli.broker.reach import reach_of
        from diracmq_cli.wiring.applying import run_diff

        setup, wanted = reach_of(service, node, connection, console)
        run_diff(setup, wanted, console)
