"""Fit text into a terminal's width, so that the terminal never breaks a line itself.

Where a terminal breaks a line, the rest begins in its first column, and there a body could pose as the next message.
So rows are broken here, and every row but a message's first is indented.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from unicodedata import east_asian_width

INDENT = 4
"""Columns that a continued row is moved to the right."""

_NARROWEST = INDENT + 2


class Span(NamedTuple):
    """A piece of text in one style; ``style`` is the parameter of an SGR sequence (ECMA-48 8.3.117), or empty.

    A tuple, since a dozen are made for every message.
    """

    text: str
    style: str = ""


def paint(span: Span, color: bool) -> str:
    """The text of a span, between its SGR sequence and a reset if ``color`` is wanted."""
    return f"\x1b[{span.style}m{span.text}\x1b[m" if color and span.style and span.text else span.text


def cells(text: str, ambiguous: int = 1) -> int:
    """Columns that ``text`` takes at most.

    Combining marks count as one each: not every terminal combines them. ``ambiguous`` is the width of characters that
    East Asian terminals show wide and others do not (Unicode Annex 11).
    """
    return len(text) if text.isascii() else sum(_width(char, ambiguous) for char in text)


def _width(char: str, ambiguous: int) -> int:
    if char.isascii():
        return 1
    kind = east_asian_width(char)
    if kind == "A":
        return ambiguous
    return 2 if kind in "WF" or char >= "\U0001f000" else 1  # of the pictographs, some terminals widen all


def fold(spans: Iterable[Span], width: int, ambiguous: int = 1, indent: str = "") -> Iterator[list[Span]]:
    """Break one line of spans into rows of at most ``width`` columns; all but the first are indented.

    Args:
        spans: the line; no span holds a control character.
        width: columns of the terminal.
        ambiguous: see ``cells``.
        indent: what the first row begins with.
    """
    width = max(width, _NARROWEST)
    row, room = [Span(indent)] if indent else [], width - len(indent)
    for text, style in spans:
        at = 0
        while at < len(text):
            end, used = _fitting(text, at, room, ambiguous)
            if end > at:
                row.append(Span(text[at:end], style))
            at, room = end, room - used
            if at < len(text):
                yield row
                row, room = [Span(" " * INDENT)], width - INDENT
    yield row


def _fitting(text: str, at: int, room: int, ambiguous: int) -> tuple[int, int]:
    """How far ``text`` fits from ``at`` on into ``room`` columns, and how many of them that takes."""
    head = text[at : at + max(room, 0)]
    if head.isascii():
        return at + len(head), len(head)
    used = 0
    for index, char in enumerate(head):
        columns = _width(char, ambiguous)
        if used + columns > room:
            return at + index, used
        used += columns
    return at + len(head), used
