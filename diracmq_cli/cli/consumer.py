"""``dirac-consumer``: run a consumer that the CS describes, as ``dirac-agent`` runs an agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from diracmq_cli.cli.exits import reporting
from diracmq_cli.cli.flags import show_version

if TYPE_CHECKING:
    from pathlib import Path

    from diracmq_cli.consumer.running import ConsumerChoices

PROGRAM = "dirac-consumer"

EXAMPLES = """\
dirac-consumer Framework/PilotLog
dirac-consumer Framework/PilotLog -o LogLevel=DEBUG --cfg local.cfg
dirac-consumer Framework/PilotLog --install-runit runit/Framework/PilotLog
"""

LOOKED_FOR = ("DIRACSYSCONFIG", "DIRAC_MQ_CFG", "X509_CERT_DIR", "X509_USER_PROXY", "X509_USER_CERT", "X509_USER_KEY")
"""What a shell may say and a service does not inherit."""


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
    install_runit: Annotated[
        str | None,
        typer.Option(
            "--install-runit",
            metavar="DIR",
            help="Run nothing: make it a service of runit in DIR, with these --cfg, -o and -d.",
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --install-runit: overwrite files that are there and differ.")
    ] = False,
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
    from diracmq_cli.consumer.logs import start_logging
    from diracmq_cli.errors import ExitStatus, UsageError

    start_logging(name, debug_level)
    try:
        with reporting(PROGRAM, debug=debug_level > 2):
            from diracmq_cli.consumer.running import ConsumerChoices

            choices = ConsumerChoices(
                name=name, cfg_files=tuple(cfg or ()), options=tuple(option or ()), debug=debug_level
            )
            if install_runit is not None:
                _install(choices, install_runit, force=force)
            elif force:
                raise UsageError("--force is for --install-runit")
            else:
                _host(choices)
    except typer.Exit as end:  # DIRAC's components know 0, 1 and 2
        status = end.exit_code
        raise typer.Exit(status if status in (ExitStatus.OK, ExitStatus.USAGE) else ExitStatus.FAILED) from None


def _host(choices: ConsumerChoices) -> None:
    import signal

    from diracmq_cli.consumer.running import run_consumer
    from diracmq_cli.wiring.signals import StopFlag, die_of

    stop = StopFlag()

    def asked(signum: int, _frame: object) -> None:
        if stop.requested:
            die_of(signal.Signals(signum))
        stop.ask()

    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, asked)
    run_consumer(choices, stop)


def _install(choices: ConsumerChoices, where: str, *, force: bool) -> None:
    import os
    import sys
    from pathlib import Path

    from diracmq_cli.consumer.running import runit_service
    from diracmq_cli.output.talk import Talk

    directory = Path(where).absolute()
    service = runit_service(choices, _programs())
    written = service.install(directory, force=force)
    talk = Talk(PROGRAM, sys.stderr)
    for path in written:
        talk.info(f"wrote {path}")
    if not written:
        talk.info(f"{directory} is as it should be")
    lacking = [name for name in LOOKED_FOR if os.environ.get(name)]
    if lacking and not service.bashrc.exists():
        talk.warning(f"a service has no {', '.join(lacking)} of this shell: export what it needs in {service.bashrc}")


def _programs() -> Path:
    """The directory of this command: of the one that was called, which a link may have named."""
    import sys
    import sysconfig
    from pathlib import Path

    called = Path(sys.argv[0])
    return called.absolute().parent if called.name == PROGRAM else Path(sysconfig.get_path("scripts"))
