"""The common flags: the same letters and words on every command, each group read into one frozen dataclass.

A command takes a group as one parameter; ``grouped`` shows typer the group's flags instead and hands the command the
filled dataclass. A flag is thereby described once, for parser, help, man page and completion alike.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import typer

from diracmq_cli.core.quantity import parse_duration, parse_rate, parse_size
from diracmq_cli.output.terminal import ColorMode

R = TypeVar("R")

QUEUE_HELP = "A queue of the CS: its name, service::Queues::name, or System/Queue."


def show_version(wanted: bool) -> None:
    """Print the versions and end, when ``--version`` is given."""
    if wanted:
        from diracmq_cli.cli.about import about

        typer.echo(about())
        raise typer.Exit


def duration(text: str) -> float:
    """Read a duration flag; typer would keep the reason of a ValueError to itself."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def size(text: str) -> int:
    """Read a size flag, as ``duration`` does."""
    try:
        return parse_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def rate(text: str) -> float:
    """Read a rate flag, as ``duration`` does."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Which configuration, which broker, and who we are there."""

    broker: Annotated[
        str | None,
        typer.Option(
            "-b",
            "--broker",
            metavar="SERVICE|URL",
            envvar="DIRAC_MQ_BROKER",
            help="Service of the CS to use, or amqps://host:port/vhost of a broker.",
        ),
    ] = None
    cfg: Annotated[
        list[str] | None,
        typer.Option("--cfg", metavar="FILE", help="CFG file to read besides DIRAC's own; the last one wins."),
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option("-o", metavar="/Section/Option=VALUE", help="Set one option of the configuration, as in DIRAC."),
    ] = None
    cs_max_age: Annotated[
        float | None,
        typer.Option(
            "--cs-max-age",
            parser=duration,
            metavar="DURATION",
            envvar="DIRAC_MQ_CS_MAX_AGE",
            help="Trust the kept copy of the remote CS for this long (default 1h; 0 asks first).",
        ),
    ] = None
    cert: Annotated[str | None, typer.Option("--cert", metavar="FILE", help="Certificate to log in with.")] = None
    key: Annotated[str | None, typer.Option("--key", metavar="FILE", help="Its private key.")] = None
    proxy: Annotated[
        str | None,
        typer.Option("--proxy", metavar="FILE", help="RFC 3820 proxy to log in with (default $X509_USER_PROXY)."),
    ] = None
    capath: Annotated[
        str | None,
        typer.Option("--capath", metavar="DIR", help="Directory of trusted CAs (default $X509_CERT_DIR)."),
    ] = None
    timeout: Annotated[
        float | None,
        typer.Option(
            "-t",
            "--timeout",
            parser=duration,
            metavar="DURATION",
            envvar="DIRAC_MQ_TIMEOUT",
            help="End after this long at most, such as 300ms, 5s, 2m, 1h.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """What is said on which stream."""

    json: Annotated[bool, typer.Option("-j", "--json", help="Write JSON, one object a line, to stdout.")] = False
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say nothing on stderr but warnings and errors.")] = False
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Say more on stderr.")] = False
    debug_level: Annotated[
        int, typer.Option("-d", count=True, show_default=False, help="Log to stderr: -d, -dd, -ddd say more and more.")
    ] = 0
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False
    color: Annotated[
        ColorMode, typer.Option("--color", metavar="WHEN", help="Colour: auto, always or never (NO_COLOR is honoured).")
    ] = ColorMode.AUTO
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the versions and exit.")
    ] = False


def grouped(command: Callable[..., R]) -> Callable[..., R]:
    """Let ``command`` take flag groups (dataclasses whose fields are flags) as parameters."""
    signature = inspect.signature(command, eval_str=True)
    groups = {name: p.annotation for name, p in signature.parameters.items() if _is_group(p.annotation)}
    parameters = [p for name, p in signature.parameters.items() if name not in groups]
    for group in groups.values():
        hints = typing.get_type_hints(group, include_extras=True)
        parameters += [
            inspect.Parameter(
                field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
            )
            for field in dataclasses.fields(group)
        ]

    @functools.wraps(command)
    def run(*args: object, **flags: Any) -> R:  # noqa: ANN401 - typer hands over parsed values of every type
        filled = {name: _fill(group, flags) for name, group in groups.items()}
        return command(*args, **flags, **filled)

    del run.__wrapped__  # typer would look through it and see the groups
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and dataclasses.is_dataclass(annotation)


def _fill(group: type[object], flags: dict[str, Any]) -> object:
    """Take the group's flags out of ``flags``."""
    names = [field.name for field in dataclasses.fields(typing.cast(Any, group))]
    values: Mapping[str, Any] = {name: flags.pop(name) for name in names}
    return group(**values)
