"""The typer applications: ``dirac-mq`` with every verb, and one for each everyday verb on the PATH."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import typer

VERBS = ("send", "tail", "consume", "peek", "list")
"""Verbs of the suite in the order of the help; each is ``cli/<verb>.py`` and ``dirac-mq-<verb>`` on the PATH."""

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def suite() -> typer.Typer:
    """``dirac-mq``: the verbs as subcommands."""
    from diracmq_cli.cli import devbroker, top

    app = _app(help=top.HELP)
    app.callback(epilog=top.EPILOG)(top.suite)
    for verb in VERBS:
        _add(app, verb)
    app.add_typer(devbroker.app, name="devbroker")
    return app


def single(verb: str) -> typer.Typer:
    """``dirac-mq-<verb>`` alone; nothing of the other verbs is imported."""
    app = _app()
    _add(app, verb)
    return app


def _app(**options: str) -> typer.Typer:
    return typer.Typer(
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(CONTEXT),
        **options,  # type: ignore[arg-type]
    )


def _add(app: typer.Typer, verb: str) -> None:
    module = import_module(f"diracmq_cli.cli.{verb}")
    command: Callable[..., None] = getattr(module, "list_" if verb == "list" else verb)
    app.command(verb, epilog=module.EPILOG, context_settings=dict(CONTEXT))(command)
