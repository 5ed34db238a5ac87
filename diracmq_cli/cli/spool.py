"""``dirac-mq spool``: see, send, show and give up what could not be sent."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped
from diracmq_cli.core.quantity import parse_duration
from diracmq_cli.errors import UsageError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="spool",
    help="Messages that send --spool has kept on disk because the broker could not be reached.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings=CONTEXT,
    add_completion=False,
)

EPILOG_FLUSH = """\
Examples:
  dirac-mq spool flush -t 30s || dirac-mq spool cat    at the end of a job: send it, or leave it in the batch log
"""

EPILOG_RM = """\
Examples:
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


@app.command(context_settings=CONTEXT)
@grouped
def ls(*, spool: Directory = None, talk: Talk) -> None:
    """List what waits: one row per message, and one for each gap or damaged file."""
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import run_ls

        run_ls(spool, console)


@app.command(context_settings=CONTEXT)
@grouped
def cat(*, spool: Directory = None, talk: Talk) -> None:
    """Write what waits to stdout as envelopes, one JSON object a line, as send --from-json reads them."""
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import run_cat

        run_cat(spool, console)


@app.command(epilog=EPILOG_FLUSH, context_settings=CONTEXT)
@grouped
def flush(
    *,
    spool: Directory = None,
    ttl: Annotated[
        float | None,
        typer.Option(
            "--spool-ttl", parser=parse_duration, metavar="DURATION", help="Give up what was stamped longer ago."
        ),
    ] = None,
    connection: Connection,
    talk: Talk,
) -> None:
    """Send what waits, in order and with its ids and stamps; each entry is removed once the broker has confirmed it.

    Only entries of this login and of senders that have ended are sent. Without -t it ends 30 s after the last confirm.
    """
    with running("spool", talk) as console:
        from diracmq_cli.cli.settings import setup_of
        from diracmq_cli.wiring.flushing import FlushOptions, run_flush

        run_flush(setup_of(connection), FlushOptions(directory=spool, timeout=connection.timeout, ttl=ttl), console)


@app.command(epilog=EPILOG_RM, context_settings=CONTEXT)
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
    """Give up messages for good. Asks first; off a terminal it needs --yes."""
    with running("spool", talk) as console:
        from diracmq_cli.wiring.spooling import Removal, run_rm

        removal = Removal(ids=tuple(ids or ()), login=owner, everything=everything)
        run_rm(spool, removal, None if yes else _agree, console)


def _agree(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("rm gives messages up for good, and there is no terminal to ask", hint="say --yes")
    return typer.confirm(question, err=True)
