"""``dirac-mq broker apply``: make a broker as the CS wants it."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.broker.diff import Node, Service
from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped

EXAMPLES = """\
dirac-mq broker apply --service lhcb --dry-run
dirac-mq broker apply --service lhcb --prune
"""


@grouped
def apply(
    *,
    service: Service = None,
    node: Node = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove users, bindings and exchanges that the CS does not know, too.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")] = False,
    max_removals: Annotated[
        int | None,
        typer.Option(
            "--max-removals",
            metavar="N",
            min=0,
            help="Refuse if more users would lose rights, or more things go (default: 5, or a tenth if that is more).",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Take away however much it is, and by an old copy of the CS.")
    ] = False,
    connection: Connection,
    talk: Talk,
) -> None:
    """Make a broker as the CS wants it; a second run finds nothing to do.

    It adds what is missing, changes what can be changed, and takes away every right that the CS does not give.
    Whoever loses a right has open connections closed, and nobody else: a channel goes on with the rights it had.

    With --prune it removes what the CS does not know: users, bindings, exchanges that nothing is bound to, policies
    dirac-mq-*. It never deletes a queue, never touches amq.*, and leaves users with a tag alone.

    Exit 4 if something could not be done; 78 if too much would be taken away, or anything by an old copy of the CS,
    without --yes.
    """
    with running("broker", talk) as console:
        from diracmq_cli.cli.broker.reach import reach_of
        from diracmq_cli.wiring.applying import ApplyOptions, run_apply

        setup, wanted = reach_of(service, node, connection, console)
        run_apply(
            setup, wanted, ApplyOptions(prune=prune, dry_run=dry_run, yes=yes, max_removals=max_removals), console
        )
