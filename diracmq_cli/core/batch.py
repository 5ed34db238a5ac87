"""Many lines in one message: the header ``dirac-lines`` says how many, so that a reader can take them apart again.

Each line of a body ends in a newline; one that is missing after the last line is not missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table

LINES_HEADER = "dirac-lines"


def join_lines(lines: Sequence[bytes]) -> bytes:
    """The body that holds these lines, at least one."""
    return b"\n".join((*lines, b""))


def split_lines(body: bytes) -> list[bytes]:
    """The lines of a body, without their newlines."""
    return body.removesuffix(b"\n").split(b"\n")


def count_lines(body: bytes) -> int:
    """How many lines ``split_lines`` makes of a body."""
    return body.count(b"\n") + (not body.endswith(b"\n"))


def said_lines(headers: Table) -> int | None:
    """How many lines a message says that it holds; None when it does not, or says something else there."""
    said = headers.get(LINES_HEADER)
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def complaint(headers: Table, body: bytes) -> str | None:
    """What is wrong with the number of lines that a message says it holds; None where it says nothing, or the truth."""
    if LINES_HEADER not in headers:
        return None
    said, lines = said_lines(headers), count_lines(body)
    if said == lines:
        return None
    return f"header {LINES_HEADER} is {'no number' if said is None else said}, and the message holds {lines}"
