"""Rows of ``list``: a table on a terminal, TAB-separated in a pipe (the same columns), or JSON (a few keys more)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.output.cells import Span
from diracmq_cli.output.columns import write_table
from diracmq_cli.output.escape import visible
from diracmq_cli.output.label import ABSENT

if TYPE_CHECKING:
    from diracmq_cli.core.model import QueueSpec, QueueState
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

COLUMNS = ("queue", "service", "type", "ready", "consumers", "problem")
_NUMBERS = ("ready", "consumers")
JsonScalar = str | int | float | None
_PROBLEM_STYLE = "31"


def queue_json(state: QueueState, more: Mapping[str, JsonScalar] | None = None) -> str:
    """One queue as a JSON object, in ASCII, with ``more`` keys at its end.

    ``ready`` and ``consumers`` are null where they cannot be seen, and ``problem`` then says why; a stream has no
    ``ready``, since it keeps what was read.
    """
    from json import dumps

    spec = state.queue
    row: dict[str, JsonScalar] = {
        "queue": spec.name,
        "service": spec.service.name,
        "type": spec.type,
        "ready": state.ready,
        "consumers": state.consumers,
        "address": str(spec.address),
        "problem": state.problem,
    }
    return dumps(row | dict(more or {}), separators=(",", ":"))


def shown_name(spec: QueueSpec) -> str:
    """How a queue is called in a row; one of the RFC's layout is named as it is addressed."""
    return str(spec.address) if spec.address.system else spec.name


def _row(state: QueueState) -> list[Span]:
    """One queue's columns, ``-`` for what is absent."""
    spec = state.queue
    values = (shown_name(spec), spec.service.name, spec.type, state.ready, state.consumers)
    row = [Span(ABSENT if value is None else visible(str(value))) for value in values]
    row.append(Span(ABSENT) if state.problem is None else Span(visible(state.problem), _PROBLEM_STYLE))
    return row


def print_queues(states: Sequence[QueueState], writer: Writer, look: Look, *, json: bool = False) -> None:
    """Write one row per queue, under a heading unless as JSON, and flush.

    Raises:
        OutputError, BrokenPipeError: as ``Writer.flush``.
    """
    if json:
        for state in states:
            writer.write(look.encode(queue_json(state) + "\n"))
        writer.flush()
    else:
        write_table(COLUMNS, [_row(state) for state in states], writer, look, numbers=_NUMBERS)
