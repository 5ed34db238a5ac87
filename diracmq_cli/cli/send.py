"""``dirac-mq send``: publish, confirmed."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, duration, grouped, rate, size
from diracmq_cli.cli.optional import OPTIONAL, OptionalValueCommand

EXAMPLES = """\
dirac-mq send demo.jobs -m 'job 42 started'
tail -F job.log | dirac-mq send Pilots/Log -l
payload 2>&1 | tee >(dirac-mq send Pilots/Log -l --spool)
dirac-mq peek demo.jobs -j | dirac-mq send demo.archive --from-json
"""

COMMAND = OptionalValueCommand


@grouped
def send(
    destination: Annotated[str, typer.Argument(metavar="DEST", help="A queue or an exchange of the CS.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Files, each one message (or lines with -l).")
    ] = None,
    *,
    message: Annotated[str | None, typer.Option("-m", "--message", metavar="TEXT", help="The message.")] = None,
    lines: Annotated[bool, typer.Option("-l", "--lines", help="One message per line, newline removed.")] = False,
    null: Annotated[bool, typer.Option("-0", "--null", help="One message per NUL-terminated record.")] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            "--batch", parser=size, metavar="SIZE", help="With -l: join lines into messages of up to SIZE, such as 64k."
        ),
    ] = None,
    linger: Annotated[
        float | None,
        typer.Option(
            "--linger",
            parser=duration,
            metavar="DURATION",
            help="With --batch: how long a first line waits for more (5s).",
        ),
    ] = None,
    pace: Annotated[
        float | None,
        typer.Option(
            "--rate", parser=rate, metavar="N/s", help="Send no more messages than this, such as 50/s or 10/m."
        ),
    ] = None,
    max_bytes: Annotated[
        int | None,
        typer.Option(
            "--max-bytes",
            parser=size,
            metavar="SIZE",
            help="Send no more than this in all; drop and count what follows.",
        ),
    ] = None,
    burst: Annotated[
        float | None,
        typer.Option(
            "--burst",
            parser=duration,
            metavar="DURATION",
            help="Collect in the spool (implies --spool), and connect about this often, at random moments, to send it.",
        ),
    ] = None,
    from_json: Annotated[
        bool, typer.Option("--from-json", help="One message per envelope, as -j writes them.")
    ] = False,
    routing_key: Annotated[
        str | None, typer.Option("-k", "--routing-key", metavar="KEY", help="Routing key (default from the CS).")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", metavar="NAME=VALUE", help="Header; NAME:=JSON for a typed value."),
    ] = None,
    type_: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="Application's message type.")] = None,
    content_type: Annotated[str | None, typer.Option("--content-type", metavar="MIME", help="MIME type.")] = None,
    priority: Annotated[int | None, typer.Option("--priority", min=0, max=255, metavar="N", help="Priority.")] = None,
    ttl: Annotated[
        float | None,
        typer.Option("--ttl", parser=duration, metavar="DURATION", help="Let it expire unread after this long."),
    ] = None,
    correlation_id: Annotated[
        str | None, typer.Option("--correlation-id", metavar="ID", help="Correlation id.")
    ] = None,
    reply_to: Annotated[str | None, typer.Option("--reply-to", metavar="NAME", help="Where to answer to.")] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="Message id (default: a new UUIDv7 each).")
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Leave DN, group and login out of the stamp.")] = False,
    sign: Annotated[
        bool, typer.Option("--sign", help="Sign each message: 4 kB more, and proof of origin to any reader.")
    ] = False,
    outage: Annotated[
        float | None,
        typer.Option(
            "--outage",
            parser=duration,
            metavar="DURATION",
            help="Give up when the broker is lost for this long (default 30s, 5m for many messages).",
        ),
    ] = None,
    returned: Annotated[
        str | None,
        typer.Option(
            "--returned", metavar="FILE", help="Add envelopes of messages that the broker returned or refused to FILE."
        ),
    ] = None,
    spool: Annotated[
        str | None,
        typer.Option(
            "--spool",
            metavar=OPTIONAL,
            help="Keep on disk what the broker cannot take now, and send first what is there "
            "(default $DIRAC_MQ_SPOOL; .dirac-mq-spool in a pilot; $XDG_STATE_HOME/dirac-mq/spool).",
        ),
    ] = None,
    spool_ttl: Annotated[
        float | None,
        typer.Option("--spool-ttl", parser=duration, metavar="DURATION", help="Give up what waits there for longer."),
    ] = None,
    spool_max: Annotated[
        int | None,
        typer.Option(
            "--spool-max", parser=size, metavar="SIZE", help="Size of the spool, beyond which the oldest go (256M)."
        ),
    ] = None,
    spool_ok: Annotated[
        bool, typer.Option("--spool-ok", help="End with 0, not 5, when messages are left in the spool.")
    ] = False,
    grace: Annotated[
        float | None,
        typer.Option(
            "--grace",
            parser=duration,
            metavar="DURATION",
            help="With --spool: time to read and keep the rest of the input after SIGTERM (5s); "
            "with --burst also for the last one (30s).",
        ),
    ] = None,
    connection: Connection,
    talk: Talk,
) -> None:
    """Publish messages and wait until the broker has confirmed each.

    DEST is its name where no other bears it, service::Queues::name, service::Exchanges::name, or System/Queue.

    Without -m and FILE, standard input is the message; with -l, -0 or --from-json it is many. With -m or FILE,
    standard input is not touched.

    When the connection is lost it is made again, and what was not confirmed is sent again under the same id. With
    --spool nothing ends before the input does: what no broker takes is kept on disk, and the next run with --spool, or
    dirac-mq spool flush, sends it. dirac-mq-delivery(7) tells what is promised.
    """
    with running("send", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.operations.overrides import Overrides
        from diracmq_cli.wiring.sending import Framing, SendOptions, SpoolChoice, header_table, run_send

        run_send(
            setup_of(connection, console),
            SendOptions(
                destination=destination,
                text=message,
                files=tuple(files or ()),
                batch=batch,
                linger=linger,
                framing=Framing.of(lines=lines, null=null, envelopes=from_json),
                overrides=Overrides(
                    routing_key=routing_key,
                    headers=header_table(header or ()),
                    type=type_,
                    content_type=content_type,
                    priority=priority,
                    expiration=None if ttl is None else round(ttl * 1000),
                    correlation_id=correlation_id,
                    reply_to=reply_to,
                    message_id=id_,
                ),
                anonymous=anonymous,
                sign=sign,
                timeout=connection.timeout,
                outage=outage,
                grace=grace,
                rate=pace,
                max_bytes=max_bytes,
                burst=burst,
                receipts=talk.json,
                returned=returned,
                spool=None
                if spool is None and burst is None
                else SpoolChoice(directory=spool or None, ttl=spool_ttl, limit=spool_max, ok=spool_ok),
            ),
            console,
        )
