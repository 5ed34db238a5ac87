"""``dirac-mq list``: the queues the CS knows, and what waits in them."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, duration, grouped

EXAMPLES = """\
dirac-mq list
dirac-mq list 'demo.*' -j | jq -r 'select(.ready > 1000).queue'
dirac-mq list --watch
dirac-mq list --explain demo.jobs
dirac-mq list --as-cfg demo.jobs demo.events > pilot-mq.cfg
"""


@grouped
def list_(
    pattern: Annotated[
        list[str] | None, typer.Argument(metavar="[PATTERN]...", help="Only names like this, such as 'demo.*'.")
    ] = None,
    *,
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="Only the queues of this service of the CS.")
    ] = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show each setting of the queues named, and the file or server that says so."),
    ] = False,
    as_cfg: Annotated[
        bool,
        typer.Option("--as-cfg", help="Write the smallest CFG that holds the queues named, to ship with pilots."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show them again and again, with the change per second, until Ctrl-C.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option("--interval", parser=duration, metavar="DURATION", help="Time between two looks (default 2s)."),
    ] = None,
    connection: Connection,
    talk: Talk,
) -> None:
    """List the queues of the CS and what waits in them.

    Streams keep what was read, so they show no count. Queues that you may not look at say so.

    --watch fills a terminal with a table that is always new, and writes NDJSON into a pipe, an object for each queue
    and look. A broker that is away is said there, and tried again.

    With --explain or --as-cfg no broker is asked; exchanges can be named too. What --as-cfg writes holds no password,
    and whoever has it in DIRAC_MQ_CFG needs no Configuration Service for those queues.
    """
    with running("list", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.errors import UsageError
        from diracmq_cli.wiring.selecting import Choice

        if explain and as_cfg:
            raise UsageError("--explain and --as-cfg exclude each other")
        if watch and (explain or as_cfg):
            raise UsageError("--watch asks brokers: no --explain or --as-cfg beside it")
        if interval is not None and not watch:
            raise UsageError("--interval goes with --watch")
        setup = setup_of(connection, console)
        choice = Choice(patterns=tuple(pattern or ()), service=service, broker=connection.broker)
        if explain or as_cfg:
            from diracmq_cli.wiring.describing import run_as_cfg, run_explain

            (run_explain if explain else run_as_cfg)(setup, choice, console)
        elif watch:
            from diracmq_cli.wiring.watching import WatchOptions, run_watch

            run_watch(setup, WatchOptions(choice=choice, interval=interval, timeout=connection.timeout), console)
        else:
            from diracmq_cli.wiring.listing import ListOptions, run_list

            run_list(setup, ListOptions(choice=choice, timeout=connection.timeout), console)
