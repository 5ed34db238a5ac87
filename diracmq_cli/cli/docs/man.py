"""Man pages in the man(7) macros of groff."""

from __future__ import annotations

from collections.abc import Iterable

from diracmq_cli.cli.docs.sections import ENVIRONMENT, EXIT_STATUS, FILES, PLAIN_MARKS, Rows, further
from diracmq_cli.cli.docs.tree import Argument, Command, Option
from diracmq_cli.version import __version__


def page(command: Command, *, see_also: tuple[str, ...]) -> str:
    """One page for ``command``; subcommands are described in it."""
    name = command.path[0]
    lines = [
        f'.TH {_text(name.upper())} 1 "" "dirac\\-mq {__version__}" "DIRAC messaging"',
        *(f".fchar {_text(mark)} {plain}" for mark, plain in PLAIN_MARKS.items()),
        ".SH NAME",
        f"{_text(name)} \\- {_text(command.summary)}",
        ".SH SYNOPSIS",
        *_synopsis(command),
    ]
    if command.examples:
        lines += [".SH EXAMPLES", ".nf", *(_line(example) for example in command.examples), ".fi"]
    lines += [".SH DESCRIPTION", *_paragraphs(command.paragraphs)]
    if command.commands:
        lines.append(".SH COMMANDS")
        for sub in command.commands:
            lines += _subcommand(sub)
    lines += [".SH OPTIONS", *_arguments(command.arguments), *_options(command.options)]
    for title, introduction, rows in further(command):
        lines += [f".SH {title}", _line(introduction), *_table(rows)]
    for title, rows in (("EXIT STATUS", EXIT_STATUS), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines += [f".SH {title}", *_table(rows)]
    lines += [".SH SEE ALSO", *_see_also(see_also)]
    return "\n".join(lines) + "\n"


def _subcommand(command: Command) -> list[str]:
    """A verb in the page of the suite: in short where it has a page of its own, which says more."""
    title = _text(" ".join(command.path[1:]))
    lines = [f".SS {title}", *_synopsis(command), ".PP", *_paragraphs(command.paragraphs[:1])]
    if len(command.path) > 2:
        return lines + _options(command.options[:-1])
    if command.commands:
        return lines + [line for sub in command.commands for line in _subcommand(sub)]
    return [*lines, f"See \\fB{_text('-'.join(command.path))}\\fR(1)."]


def _synopsis(command: Command) -> list[str]:
    words = [f"\\fI{_text(argument.metavar)}\\fR" for argument in command.arguments]
    if command.commands:
        words.append("\\fICOMMAND\\fR ...")
    return [f"\\fB{_text(' '.join(command.path))}\\fR [\\fIOPTION\\fR]... {' '.join(words)}".rstrip()]


def _arguments(arguments: Iterable[Argument]) -> list[str]:
    return [line for each in arguments for line in (".TP", f"\\fI{_text(each.metavar)}\\fR", _line(each.help))]


def _options(options: Iterable[Option]) -> list[str]:
    return [line for option in options for line in _option(option)]


def _option(option: Option) -> list[str]:
    flags = ", ".join(f"\\fB{_text(flag)}\\fR" for flag in option.flags)
    if option.metavar is not None:
        flags += f" \\fI{_text(option.metavar)}\\fR"
    notes = option.help
    if option.environment:
        notes += f" Environment: {option.environment}."
    if option.repeatable:
        notes += " May be repeated."
    return [".TP", flags, _line(notes)]


def _table(rows: Rows) -> list[str]:
    return [line for name, what in rows for line in (".TP", f"\\fB{_text(name)}\\fR", _line(what))]


def _paragraphs(paragraphs: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += [".PP", _line(paragraph)]
    return lines[1:]


def _see_also(names: tuple[str, ...]) -> list[str]:
    *others, last = names
    return [*(f".BR {_text(name)} (1)," for name in others), f".BR {_text(last)} (1)"]


def _line(text: str) -> str:
    """A line of running text: a leading dot or quote would be a request."""
    escaped = _text(text)
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def _text(text: str) -> str:
    """What troff would take for its own, as its names for it; characters beyond ASCII too, whatever its input is."""
    return "".join(_SPECIAL.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)


_SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
