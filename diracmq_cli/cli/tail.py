"""``dirac-mq tail``: follow without taking."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import QUEUE_HELP, Connection, Talk, duration, grouped
from diracmq_cli.cli.readerflags import Reading, Trust

EXAMPLES = """\
dirac-mq tail demo.jobs
dirac-mq tail demo.jobs -k 'job.failed.#' -j
dirac-mq tail demo.audit --last 20
dirac-mq tail demo.audit --since 2h --idle 5s
"""


@grouped
def tail(
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help=QUEUE_HELP)],
    *,
    pattern: Annotated[
        list[str] | None,
        typer.Option("-k", "--pattern", metavar="PATTERN", help="Only these routing keys (topic pattern, as 'job.#')."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Stream: from this moment on (2h ago is '2h'; or 2026-11-24T01:58:03Z)."
        ),
    ] = None,
    offset: Annotated[
        str | None, typer.Option("--offset", metavar="OFFSET", help="Stream: from this offset, 'first' or 'next'.")
    ] = None,
    last: Annotated[
        int | None, typer.Option("--last", metavar="K", min=1, help="Stream: start with the last K messages.")
    ] = None,
    unbatch: Annotated[
        bool,
        typer.Option("--unbatch", help="Show each line of a message that send --batch has made of many."),
    ] = False,
    outage: Annotated[
        float | None,
        typer.Option(
            "--outage",
            parser=duration,
            metavar="DURATION",
            help="Give up when the broker is lost for this long (default 5m).",
        ),
    ] = None,
    connection: Connection,
    reading: Reading,
    trust: Trust,
    talk: Talk,
) -> None:
    """Follow what reaches a queue, without taking anything.

    A classic or quorum queue is followed through copies made from now on; a stream can also be read from an earlier
    point.

    When the connection is lost it is made again. A stream goes on where it stopped; what reached a queue meanwhile is
    not shown, and it is said from when to when. So is it when copies come faster than they are read.

    Messages whose origin is not as --require, --allow-dn or the CS ask are left out, and counted on stderr.
    """
    with running("tail", talk) as console:
        from diracmq_cli.cli.settings import limits_of, setup_of, trust_of
        from diracmq_cli.wiring.tailing import TailOptions, run_tail

        run_tail(
            setup_of(connection, console),
            TailOptions(
                queue=queue,
                limits=limits_of(connection, reading),
                template=reading.template,
                unbatch=unbatch,
                patterns=tuple(pattern or ()),
                since=since,
                offset=offset,
                last=last,
                trust=trust_of(trust),
                outage=outage,
            ),
            console,
        )
