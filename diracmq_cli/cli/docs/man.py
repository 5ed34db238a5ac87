"""Man pages in the man(7) macros of groff."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from diracmq_cli.cli.docs.guide import Lines, Part, Section, Table
from diracmq_cli.cli.docs.sections import FILES, PLAIN_MARKS, Rows, environment, exit_status, further
from diracmq_cli.cli.docs.tree import Argument, Command, Option
from diracmq_cli.version import __version__


def page(command: Command, *, see_also: tuple[str, ...], guide: tuple[Section, ...] = ()) -> str:
    """One page for ``command``; subcommands are described in it, but for those that have a page of their own.

    The ``guide`` comes before the options: it says what they are for.
    """
    name, shared = command.page, _shared(command)
    lines = [
        f'.TH {_text(name.upper())} 1 "" "dirac\\-mq {__version__}" "DIRAC messaging"',
        *(f".fchar {_text(mark)} {plain}" for mark, plain in PLAIN_MARKS.items()),
        ".SH NAME",
        f"{_text(name)} \\- {_text(command.summary)}",
        ".SH SYNOPSIS",
        *_synopsis(command),
    ]
    if command.examples:
        lines += [".SH EXAMPLES", *_lines(command.examples)]
    lines += [".SH DESCRIPTION", *_paragraphs(command.paragraphs)]
    for section in guide:
        lines += [f".SH {_text(section.title)}", *(line for part in section.parts for line in _part(part))]
    if command.commands:
        lines.append(".SH COMMANDS")
        for sub in command.commands:
            lines += _subcommand(sub, elsewhere=see_also, shared=shared)
    lines += [".SH OPTIONS", *_arguments(command.arguments), *_options((*shared, *command.options))]
    for title, introduction, rows in further(command):
        lines += [f".SH {title}", _line(introduction), *_table(rows)]
    for title, rows in (("EXIT STATUS", exit_status(command)), ("ENVIRONMENT", environment(command)), ("FILES", FILES)):
        lines += [f".SH {title}", *_table(rows)]
    lines += [".SH SEE ALSO", *_see_also(see_also)]
    return "\n".join(lines) + "\n"


def _shared(command: Command) -> tuple[Option, ...]:
    """The flags that several subcommands of a page have; the page of the suite knows too many to tell them once."""
    if len(command.path) == 1:
        return ()
    counts = Counter(option for sub in command.commands for option in sub.options[:-1])
    return tuple(option for option, count in counts.items() if count > 1)


def _subcommand(command: Command, *, elsewhere: tuple[str, ...], shared: tuple[Option, ...]) -> list[str]:
    """A verb in the page of another command: in short where it has a page of its own, which says more."""
    title = _text(" ".join(command.path[1:]))
    lines = [f".SS {title}", *_synopsis(command), ".PP"]
    if command.page in elsewhere:
        return [*lines, *_paragraphs(command.paragraphs[:1]), f"See \\fB{_text(command.page)}\\fR(1)."]
    lines += _paragraphs(command.paragraphs)
    if command.commands:
        return lines + [
            line for sub in command.commands for line in _subcommand(sub, elsewhere=elsewhere, shared=shared)
        ]
    lines += _arguments(command.arguments) + _options(option for option in command.options[:-1] if option not in shared)
    also = [f"\\fB{_text(option.flags[-1])}\\fR" for option in command.options if option in shared]
    return [*lines, ".PP", f"Takes {', '.join(also)} too: see OPTIONS."] if also else lines


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


def _lines(lines: Iterable[str]) -> list[str]:
    return [".nf", *(_line(line) for line in lines), ".fi"]


def _part(part: Part) -> list[str]:
    match part:
        case str():
            return [".PP", _line(" ".join(part.split()))]
        case Lines(text):
            return [".RS", *_lines(text.splitlines()), ".RE"]
        case Table(rows):
            return _table(rows)


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
