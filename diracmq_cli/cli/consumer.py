"""``dirac-consumer``: run a consumer that the CS describes, as ``dirac-agent`` runs an agent."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import reporting
from diracmq_cli.cli.flags import show_version

PROGRAM = "dirac-consumer"

EXAMPLES = """\
dirac-consumer Framework/PilotLog
dirac-consumer Framework/PilotLog -o LogLevel=DEBUG --cfg local.cfg
"""


def consumer(
    name: Annotated[str, typer.Argument(metavar="SYSTEM/NAME", help="The consumer, as in /Systems/SYSTEM/Consumers.")],
    *,
    cfg: Annotated[
        list[str] | None,
        typer.Option("--cfg", metavar="FILE", help="CFG file to read besides DIRAC's own; the last one wins."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "-o",
            metavar="OPTION=VALUE",
            help="Set an option of the consumer, or with a leading / any of the configuration.",
        ),
    ] = None,
    debug_level: Annotated[
        int,
        typer.Option("-d", count=True, show_default=False, help="Say more: VERBOSE, with -dd DEBUG, with -ddd all."),
    ] = 0,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version and end.")
    ] = False,
) -> None:
    """Run the consumer SYSTEM/NAME of the CS until it is told to end.

    Its section /Systems/SYSTEM/Consumers/NAME names what it takes from (Queues) and what handles it (Module). A
    message leaves its queue when the module has handled it; one that fails is tried again, and after MaxTries it goes
    to the dead-letter queue.

    SIGTERM, SIGINT, or a file stop_consumer in its control directory end it: what is in hand is finished and settled
    first. The status is 0 then, 1 when it cannot begin or go on, 2 for a wrong command line.
    """
    _run(name, cfg or [], option or [], debug_level)


def _run(name: str, cfg: list[str], options: list[str], debug_level: int) -> None:
    from diracmq_cli.consumer.logs import start_logging
    from diracmq_cli.errors import ExitStatus

    start_logging(name, debug_level)
    try:
        with reporting(PROGRAM, debug=debug_level > 2):
            _host(name, cfg, options, debug_level)
    except typer.Exit as end:  # DIRAC's components know 0, 1 and 2
        status = end.exit_code
        raise typer.Exit(status if status in (ExitStatus.OK, ExitStatus.USAGE) else ExitStatus.FAILED) from None


def _host(name: str, cfg: list[str], options: list[str], debug_level: int) -> None:
    import signal

    from diracmq_cli.consumer.running import ConsumerChoices, run_consumer
    from diracmq_cli.wiring.signals import StopFlag, die_of

    stop = StopFlag()

    def asked(signum: int, _frame: object) -> None:
        if stop.requested:
            die_of(signal.Signals(signum))
        stop.ask()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, asked)
    run_consumer(ConsumerChoices(name=name, cfg_files=tuple(cfg), options=tuple(options), debug=debug_level), stop)
