"""``dirac-mq spool``: see, send, show and give up what could not be sent."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from diracmq_cli.cli.assembly import CONTEXT, new_app
from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, duration, grouped
from diracmq_cli.cli.helptext import help_text, short_help
from diracmq_cli.errors import UsageError

app = new_app(no_args_is_help=True)

FLUSH = """\
Send what waits, in order, with the ids and stamps that it has.

Each entry is removed once the broker has confirmed it. Only entries of this login are sent, and not those that a
running sender holds. Without -t it ends when nothing has been confirmed for 30 s.

It ends with 75 if any of ours remain, and with 4 if only others' do, or if some were lost.
"""

FLUSH_EXAMPLES = """\
dirac-mq spool flush -t 30s || dirac-mq spool cat
"""

RM = """\
Give up messages for good.

Asks first; off a terminal it needs --yes. What a running sender holds stays.
"""

RM_EXAMPLES = """\
dirac-mq spool rm 01939f2a-5b3c-7d1e-8f00-123456789abc
dirac-mq spool rm --all --yes
"""

Directory = Annotated[
    str | None,
    typer.Option(
        "--spool",
        metavar="DIR",
        envvar="DIRAC_MQ_SPOOL",
        show_default=False,
        help="The spool; default: .dirac-mq-spool in a pilot, else $XDG_STATE_HOME/dirac-mq/spool.",
    ),
]


@app.command(short_help="List what waits", context_settings=CONTEXT)
@grouped
def ls(*, spool: Directory = None, talk: Talk) -> None:
    """List what waits, one row a message.

    Gaps, where messages were dropped because the spool was full, and damaged files have rows of their own.
    """
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import run_ls

        run_ls(spool, console)


@app.command(short_help="Write what waits as envelopes", context_settings=CONTEXT)
@grouped
def cat(*, spool: Directory = None, talk: Talk) -> None:
    """Write what waits to stdout as envelopes.

    They are one JSON object a line, as send --from-json reads them: the same sender sends them with the ids and stamps
    that they have. Gaps and damaged files are said on stderr.
    """
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import run_cat

        run_cat(spool, console)


@app.command(help=help_text(FLUSH, FLUSH_EXAMPLES), short_help=short_help(FLUSH), context_settings=CONTEXT)
@grouped
def flush(
    *,
    spool: Directory = None,
    ttl: Annotated[
        float | None,
        typer.Option("--spool-ttl", parser=duration, metavar="DURATION", help="Give up what was stamped longer ago."),
    ] = None,
    connection: Connection,
    talk: Talk,
) -> None:
    """Send what waits."""
    with running("spool", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.wiring.flushing import FlushOptions, run_flush

        run_flush(
            setup_of(connection, console), FlushOptions(directory=spool, timeout=connection.timeout, ttl=ttl), console
        )


@app.command(help=help_text(RM, RM_EXAMPLES), short_help=short_help(RM), context_settings=CONTEXT)
@grouped
def rm(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Message ids.")] = None,
    *,
    spool: Directory = None,
    everything: Annotated[bool, typer.Option("--all", help="Everything, damaged files too.")] = False,
    owner: Annotated[str | None, typer.Option("--owner", metavar="DN", help="Everything of this login.")] = None,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    talk: Talk,
) -> None:
    """Give up messages."""
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import Removal, run_rm

        removal = Removal(ids=tuple(ids or ()), login=owner, everything=everything)
        run_rm(spool, removal, None if yes else _agree, console)


def _agree(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("rm gives messages up for good, and there is no terminal to ask", hint="say --yes")
    return typer.confirm(question, err=True)
