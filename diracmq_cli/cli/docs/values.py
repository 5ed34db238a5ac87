"""What kind of value an option takes, as far as a shell can complete it."""

from __future__ import annotations

from enum import Enum, auto

from diracmq_cli.cli.docs.tree import Option


class Value(Enum):
    """What a shell may offer for the value of an option."""

    CHOICE = auto()
    FILE = auto()
    DIRECTORY = auto()
    TEXT = auto()


def value_of(option: Option) -> Value:
    """The kind of ``option``'s value, by its choices or its metavar."""
    if option.choices:
        return Value.CHOICE
    if option.metavar == "FILE":
        return Value.FILE
    if option.metavar == "DIR":
        return Value.DIRECTORY
    return Value.TEXT
