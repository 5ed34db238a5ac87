"""How a verb's module becomes a command: the settings that every typer application of the suite shares."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from diracmq_cli.cli.helptext import help_text, short_help

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def new_app(*, no_args_is_help: bool = False, cls: type[TyperGroup] | None = None) -> typer.Typer:
    """An application without commands; ``cls`` is what holds them."""
    return typer.Typer(
        cls=cls,
        add_completion=False,
        no_args_is_help=no_args_is_help,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=dict(CONTEXT),
    )


def add_verb(app: typer.Typer, package: str, verb: str) -> None:
    """Add the function ``<verb>`` of the module ``<package>.<verb>``, with its ``EXAMPLES``.

    A module whose command line is special names the class of its command, ``COMMAND``.
    """
    module = import_module(f"{package}.{verb}")
    command: Callable[..., None] = getattr(module, "list_" if verb == "list" else verb)
    docstring = command.__doc__ or ""
    app.command(
        verb,
        help=help_text(docstring, module.EXAMPLES),
        short_help=short_help(docstring),
        context_settings=dict(CONTEXT),
        cls=getattr(module, "COMMAND", TyperCommand),
    )(command)


class LateGroup(TyperGroup):
    """Commands whose modules are imported when one is asked for, or the list of all.

    ``package`` holds a module for each of ``verbs``. typer builds every command of an application before it looks at
    the command line, and ``dirac-mq send`` has nothing to do with an operator's commands.
    """

    package: str
    verbs: tuple[str, ...]

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own click has no public types
        """The verbs in the order of the help."""
        return list(self.verbs)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        """The command, or None when there is no such verb."""
        if cmd_name in self.verbs and cmd_name not in self.commands:
            app = new_app()
            add_verb(app, self.package, cmd_name)
            self.add_command(typer.main.get_command(app))
        return super().get_command(ctx, cmd_name)
