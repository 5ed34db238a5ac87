"""A hand-written guide as the man page of a command takes it: sections of paragraphs, commands and lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from diracmq_cli.cli.docs.sections import Rows


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines that stand as they are: commands to type, files."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Names and what they mean."""

    rows: Rows


Part: TypeAlias = str | Lines | Table
"""A string is a paragraph; how its lines are broken does not count."""


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the page: its title in capitals, and what is in it."""

    title: str
    parts: tuple[Part, ...]
