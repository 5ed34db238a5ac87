"""What a shell can offer for an argument or for the value of an option."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from diracmq_cli.cli.docs.tree import Argument, Option
from diracmq_cli.config.names import EXCHANGE, QUEUE, SERVICE


class Value(Enum):
    """What a shell may offer."""

    CHOICE = auto()
    FILE = auto()
    DIRECTORY = auto()
    COMMAND = auto()
    SERVICE = auto()
    QUEUE = auto()
    DESTINATION = auto()
    TEXT = auto()


KINDS = {Value.SERVICE: SERVICE, Value.QUEUE: QUEUE, Value.DESTINATION: QUEUE + EXCHANGE}
"""For names of the CS: the kinds of lines in the file of names (``config.names``)."""

_OPTIONS = {"FILE": Value.FILE, "DIR": Value.DIRECTORY, "SERVICE": Value.SERVICE, "SERVICE|URL": Value.SERVICE}
_ARGUMENTS = {
    "FILE": Value.FILE,
    "DEST": Value.DESTINATION,
    **dict.fromkeys(("QUEUE", "SRC", "DST", "PATTERN"), Value.QUEUE),
}


def value_of(option: Option) -> Value:
    """What the value of ``option`` is, by its choices or its metavar."""
    return Value.CHOICE if option.choices else _OPTIONS.get((option.metavar or "").strip("[=]"), Value.TEXT)


def is_joined(option: Option) -> bool:
    """Whether ``option`` takes a value only behind an equals sign: ``--spool``, or ``--spool=DIR``."""
    return option.metavar is not None and option.metavar.startswith("[=")


def flags_before_values(options: Iterable[Option]) -> list[str]:
    """The flags that take the next word for their value."""
    return [flag for each in options if each.metavar is not None and not is_joined(each) for flag in each.flags]


def argument_of(argument: Argument) -> Value:
    """What ``argument`` is, by its metavar."""
    if "CMD" in argument.metavar:
        return Value.COMMAND
    return _ARGUMENTS.get(argument.metavar.strip("[]."), Value.TEXT)


def is_many(argument: Argument) -> bool:
    """Whether ``argument`` may be repeated."""
    return "..." in argument.metavar
