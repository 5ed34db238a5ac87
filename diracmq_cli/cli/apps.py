"""The typer applications: ``dirac-mq`` with every verb, and one for each everyday verb on the PATH."""

from __future__ import annotations

import typer

from diracmq_cli.cli.assembly import add_verb, new_app
from diracmq_cli.cli.helptext import help_text, short_help

EVERYDAY = ("send", "tail", "consume", "peek", "list", "check")
"""Verbs that are also programs of their own on the PATH, ``dirac-mq-<verb>``."""

VERBS = (*EVERYDAY, "move", "verify")
"""Verbs of the suite in the order of the help; each is ``cli/<verb>.py``."""

_PACKAGE = "diracmq_cli.cli"


def suite() -> typer.Typer:
    """``dirac-mq``: the verbs as subcommands."""
    from diracmq_cli.cli import broker, devbroker, spool, top

    app = new_app(no_args_is_help=True)
    app.callback(help=help_text(top.HELP, top.EXAMPLES), epilog=top.EPILOG)(top.suite)
    for verb in VERBS:
        add_verb(app, _PACKAGE, verb)
    app.add_typer(spool.app, name="spool", help=top.SPOOL, short_help=short_help(top.SPOOL))
    app.add_typer(
        broker.app, name="broker", help=help_text(top.BROKER, top.BROKER_EXAMPLES), short_help=short_help(top.BROKER)
    )
    app.add_typer(devbroker.app, name="devbroker", short_help=top.DEVBROKER)
    return app


def single(verb: str) -> typer.Typer:
    """``dirac-mq-<verb>`` alone; nothing of the other verbs is imported."""
    app = new_app()
    add_verb(app, _PACKAGE, verb)
    return app
