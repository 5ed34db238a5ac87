"""``dirac-mq consume``: take messages, acknowledged only after the output is safe."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import QUEUE_HELP, Connection, Talk, duration, grouped
from diracmq_cli.cli.readerflags import Reading, Trust
from diracmq_cli.operations.handle import OnFail
from diracmq_cli.operations.refusing import OnUntrusted

EXAMPLES = """\
dirac-mq consume demo.jobs -n 10 -j
dirac-mq consume demo.jobs --drain --save inbox/
dirac-mq consume demo.jobs --follow -- ./handle-one.sh
dirac-mq consume demo.jobs --drain --require signed --reject-to refused/
"""


@grouped
def consume(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help=QUEUE_HELP)],
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- CMD [ARG]...]", help="Command to run for each message, its body on stdin."),
    ] = None,
    *,
    drain: Annotated[bool, typer.Option("--drain", help="Take until the queue is empty.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Take for ever.")] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="DIR", help="Save each message into DIR instead of printing it.")
    ] = None,
    unbatch: Annotated[
        bool,
        typer.Option("--unbatch", help="Show each line of a message that send --batch has made of many."),
    ] = False,
    shell: Annotated[
        str | None, typer.Option("-x", "--exec", metavar="STRING", help="Like -- CMD, with STRING given to /bin/sh -c.")
    ] = None,
    on_fail: Annotated[
        OnFail,
        typer.Option(
            "--on-fail", metavar="ACTION", help="When the command fails: stop, requeue or dead (dead-letter)."
        ),
    ] = OnFail.STOP,
    cmd_timeout: Annotated[
        float | None,
        typer.Option(
            "--cmd-timeout", parser=duration, metavar="DURATION", help="End a command that runs longer than this."
        ),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", metavar="K", min=1, help="Run up to K commands at a time.")] = 1,
    on_untrusted: Annotated[
        OnUntrusted | None,
        typer.Option(
            "--on-untrusted",
            metavar="ACTION",
            help="When a message's origin is not good enough: dead (the default where it can be), keep or stop.",
        ),
    ] = None,
    reject_to: Annotated[
        str | None,
        typer.Option(
            "--reject-to",
            metavar="DIR",
            help="Put what is refused, by us or by the command, into DIR instead of dead-lettering it.",
        ),
    ] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Drop a signed message that was taken before; implied by Origin = signed."),
    ] = False,
    outage: Annotated[
        float | None,
        typer.Option(
            "--outage",
            parser=duration,
            metavar="DURATION",
            help="Give up when the broker is lost for this long (default 30s with -n or --drain, else 5m).",
        ),
    ] = None,
    connection: Connection,
    reading: Reading,
    trust: Trust,
    talk: Talk,
) -> None:
    """Take messages: print them, save them, or run a command for each.

    Say how much to take with -n, --drain or --follow; to look without taking, use peek or tail. A message leaves the
    queue only after the output has been flushed or the command has succeeded.

    A command gets the body on standard input and the envelope on descriptor 3. Exit 0 takes the message, 75 gives it
    back, 65 dead-letters it, 126 and 127 give it back and stop; for other statuses see --on-fail.

    A message whose origin is not as --require, --allow-dn or the CS ask is neither shown, saved nor handed to a
    command. It goes into the directory of --reject-to, with the reason beside it, else to the dead-letter queue; with
    neither, consume puts it back and ends with 65. --on-untrusted keep holds such messages until the end and puts
    them back then.

    When the connection is lost it is made again; commands that run are ended, and what was not acknowledged comes
    again. dirac-mq-delivery(7) tells what is promised.
    """
    with running("consume", talk) as console:
        from diracmq_cli.cli.settings import limits_of, setup_of, trust_of
        from diracmq_cli.errors import UsageError
        from diracmq_cli.wiring.consuming import ConsumeOptions, run_consume

        if reading.count is None and not drain and not follow:
            raise UsageError(
                "say how much to take: -n N, --drain or --follow",
                hint=f"to look without taking: dirac-mq peek {queue}",
            )
        run_consume(
            setup_of(connection, console),
            ConsumeOptions(
                queue=queue,
                limits=limits_of(connection, reading, until_empty=drain),
                template=reading.template,
                unbatch=unbatch,
                save=save,
                command=shell if shell is not None else tuple(command or ()) or None,
                on_fail=on_fail,
                command_timeout=cmd_timeout,
                jobs=jobs,
                trust=trust_of(trust),
                on_untrusted=on_untrusted,
                reject_to=reject_to,
                once=once,
                outage=outage,
            ),
            console,
        )
