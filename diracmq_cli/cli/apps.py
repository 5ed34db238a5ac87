"""The typer applications: ``dirac-mq`` with every verb, and one for each everyday verb on the PATH."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import typer

from diracmq_cli.cli.helptext import help_text, short_help

EVERYDAY = ("send", "tail", "consume", "peek", "list")
"""Verbs that are also programs of their own on the PATH, ``dirac-mq-<verb>``."""

VERBS = (*EVERYDAY, "verify")
"""Verbs of the suite in the order of the help; each is ``cli/<verb>.py``."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def suite() -> typer.Typer:
    """``dirac-mq``: the verbs as subcommands."""
    from diracmq_cli.cli import devbroker, top

    app = _app(no_args_is_help=True)
    app.callback(help=help_text(top.HELP, top.EXAMPLES), epilog=top.EPILOG)(top.suite)
    for verb in VERBS:
        _add(app, verb)
    app.add_typer(devbroker.app, name="devbroker", short_help=top.DEVBROKER)
    return app


def single(verb: str) -> typer.Typer:
    """``dirac-mq-<verb>`` alone; nothing of the other verbs is imported."""
    app = _app()
    _add(app, verb)
    return app


def _app(*, no_args_is_help: bool = False) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        no_args_is_help=no_args_is_help,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(CONTEXT),
    )


def _add(app: typer.Typer, verb: str) -> None:
    module = import_module(f"diracmq_cli.cli.{verb}")
    command: Callable[..., None] = getattr(module, "list_" if verb == "list" else verb)
    docstring = command.__doc__ or ""
    app.command(
        verb,
        help=help_text(docstring, module.EXAMPLES),
        short_help=short_help(docstring),
        context_settings=dict(CONTEXT),
    )(command)
