"""Man pages in the man(7) macros of groff."""

from __future__ import annotations

from diracmq_cli.cli.docs.tree import Command, Option
from diracmq_cli.version import __version__

EXIT_STATUS = (
    ("0", "everything asked for happened; for send: the broker confirmed every message"),
    ("1", "failed, for the reason on stderr"),
    ("2", "usage: flags or arguments that make no sense together"),
    ("3", "nothing there: the queue is empty, or nothing came within the time"),
    ("4", "partly: fewer than -n, or part of a batch was not taken"),
    ("65", "bad data in"),
    ("66", "no such queue or exchange, on the broker or in the configuration"),
    ("67", "unroutable: returned by the broker"),
    ("68", "a host name does not resolve"),
    ("69", "broker unreachable, or the connection was lost; worth a retry"),
    ("74", "output cannot be written"),
    ("75", "refused for now, or fate unknown; worth a retry"),
    ("76", "the other side does not speak AMQP 0-9-1"),
    ("77", "credential missing, expired or refused; permission denied"),
    ("78", "configuration wrong"),
    ("130, 141, 143", "ended by SIGINT, SIGPIPE, SIGTERM"),
)

ENVIRONMENT = (
    ("DIRAC_MQ_BROKER", "service or URL, as --broker"),
    ("DIRAC_MQ_TIMEOUT", "duration, as --timeout"),
    ("DIRAC_MQ_CFG", "CFG file to read below those of --cfg"),
    ("DIRACSYSCONFIG", "DIRAC's own list of CFG files"),
    ("X509_USER_PROXY", "the proxy (or, for pilots, a directory with hostcert.pem and hostkey.pem)"),
    ("X509_USER_CERT, X509_USER_KEY", "the user's certificate and key"),
    ("X509_CERT_DIR", "directory of trusted CAs"),
    ("NO_COLOR", "no colour"),
)


def page(command: Command, *, see_also: tuple[str, ...]) -> str:
    """One page for ``command``; subcommands are described in it."""
    name = command.path[0]
    lines = [
        f'.TH {_upper(name)} 1 "" "dirac-mq {__version__}" "DIRAC messaging"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(command.summary)}",
        ".SH SYNOPSIS",
        *_synopsis(command),
        ".SH DESCRIPTION",
        *_paragraphs(command.paragraphs),
    ]
    if command.commands:
        lines.append(".SH COMMANDS")
        for sub in command.commands:
            lines += _subcommand(sub)
    lines += _section("OPTIONS", command.options)
    if command.examples:
        lines += [".SH EXAMPLES", ".nf", *(_line(example) for example in command.examples), ".fi"]
    lines += [".SH EXIT STATUS", *_table(EXIT_STATUS), ".SH ENVIRONMENT", *_table(ENVIRONMENT)]
    lines += [".SH SEE ALSO", ",\n".join(f".BR {_text(other)} (1)" for other in see_also).replace(",\n.BR", " ,\n.BR")]
    return "\n".join(lines) + "\n"


def _subcommand(command: Command) -> list[str]:
    title = " ".join(command.path[1:])
    lines = [".SS " + _text(title), *_synopsis(command), ".PP", *_paragraphs(command.paragraphs)]
    if command.commands:
        for sub in command.commands:
            lines += _subcommand(sub)
    elif len(command.path) > 2:
        lines += [part for option in command.options[:-1] for part in _option(option)]
    return lines


def _synopsis(command: Command) -> list[str]:
    words = [f"\\fI{_text(argument.metavar)}\\fR" for argument in command.arguments]
    if command.commands:
        words.append("\\fICOMMAND\\fR ...")
    return [f"\\fB{_text(' '.join(command.path))}\\fR [\\fIOPTION\\fR]... {' '.join(words)}".rstrip()]


def _section(title: str, options: tuple[Option, ...]) -> list[str]:
    return [f".SH {title}", *(line for option in options for line in _option(option))]


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


def _table(rows: tuple[tuple[str, str], ...]) -> list[str]:
    return [line for name, what in rows for line in (".TP", f"\\fB{_text(name)}\\fR", _line(what))]


def _paragraphs(paragraphs: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    for paragraph in paragraphs:
        lines += [_line(paragraph), ".PP"]
    return lines[:-1]


def _line(text: str) -> str:
    """A line of running text: a leading dot or quote would be a request."""
    escaped = _text(text)
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def _text(text: str) -> str:
    return (
        text.replace("\\", "\\e")
        .replace("-", "\\-")
        .replace("'", "\\(aq")
        .replace("`", "\\(ga")
        .replace("^", "\\(ha")
        .replace("~", "\\(ti")
    )


def _upper(name: str) -> str:
    return _text(name.upper())
