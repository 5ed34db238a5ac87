"""The command tree as the documents need it, read from the public tree of the typer applications."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperGroup

from diracmq_cli.cli.apps import EVERYDAY, single, suite
from diracmq_cli.cli.helptext import EXAMPLES, VERBATIM


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One flag: its spellings, what its value is called (None: it takes none), allowed values, environment."""

    flags: tuple[str, ...]
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    environment: str | None = None
    repeatable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One positional argument; ``metavar`` shows by brackets and dots whether it may be left out or repeated."""

    metavar: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: ``path`` is what is typed, such as ``("dirac-mq", "devbroker", "up")``."""

    path: tuple[str, ...]
    summary: str
    paragraphs: tuple[str, ...]
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...]
    examples: tuple[str, ...]
    commands: tuple[Command, ...]

    @property
    def name(self) -> str:
        """The last word of what is typed."""
        return self.path[-1]

    @property
    def page(self) -> str:
        """The name of a man page of its own, if it has one."""
        return "-".join(self.path)

    def walk(self) -> Iterator[Command]:
        """This command and all below it."""
        yield self
        for command in self.commands:
            yield from command.walk()


def programs() -> tuple[Command, ...]:
    """Every program on the PATH: the suite first, then the everyday verbs, and what runs consumers."""
    whole = _read(typer.main.get_command(suite()), ("dirac-mq",))
    alone = [(verb, f"dirac-mq-{verb}") for verb in EVERYDAY] + [("consumer", "dirac-consumer")]
    return (whole, *(_read(typer.main.get_command(single(verb)), (program,)) for verb, program in alone))


def _read(command: Any, path: tuple[str, ...]) -> Command:  # noqa: ANN401 - typer's own click has no public types
    parts = [part for part in (command.help or "").strip().split("\n\n") if part.strip()]
    paragraphs = tuple(" ".join(part.split()) for part in parts if not part.startswith(VERBATIM))
    visible = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    return Command(
        path=path,
        summary=_summary(paragraphs),
        paragraphs=paragraphs,
        arguments=tuple(
            Argument(metavar=p.metavar or p.name.upper(), help=p.help or "")
            for p in visible
            if p.param_type_name == "argument"
        ),
        options=(*(_option(p) for p in visible if p.param_type_name == "option"), HELP_OPTION),
        examples=tuple(line for part in parts for line in _examples(part)),
        commands=tuple(_read(sub, (*path, name)) for name, sub in _commands(command)),
    )


def _commands(command: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401
    """The subcommands by their names, those that are imported late too."""
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for name in command.list_commands(context):
            yield name, command.get_command(context, name)


def _examples(part: str) -> list[str]:
    """The lines below ``Examples:``, if ``part`` is that part of a help."""
    if not part.startswith(f"{VERBATIM}\n{EXAMPLES}\n"):
        return []
    return inspect.cleandoc("\n".join(part.splitlines()[2:])).splitlines()


HELP_OPTION = Option(flags=("-h", "--help"), help="Show this message and exit.")


def _summary(paragraphs: tuple[str, ...]) -> str:
    first = paragraphs[0].rstrip(".") if paragraphs else ""
    return first[:1].lower() + first[1:]


def _option(parameter: Any) -> Option:  # noqa: ANN401
    choices = tuple(str(choice) for choice in getattr(parameter.type, "choices", ()))
    takes_value = not parameter.is_flag and not parameter.count
    return Option(
        flags=tuple(parameter.opts),
        help=parameter.help or "",
        metavar=(parameter.metavar or "|".join(choices) or parameter.name.upper()) if takes_value else None,
        choices=choices,
        environment=parameter.envvar,
        repeatable=bool(parameter.multiple or parameter.count),
    )
