"""How long it takes to keep many lines; the figure is printed."""

from __future__ import annotations

import time
from pathlib import Path

from support.spool import label, lines, open_spool

LINES, BATCH = 100_000, 500


def test_a_hundred_thousand_lines_in_seconds(tmp_path: Path) -> None:
    """Batches are synced as a whole, so that 100,000 lines are durable in less than 5 s."""
    spool = open_spool(tmp_path / "spool")
    keeper = spool.keeper(label())
    messages = lines(0, LINES)
    started = time.perf_counter()
    for first in range(0, LINES, BATCH):
        keeper.append(messages[first : first + BATCH])
    taken = time.perf_counter() - started
    print(f"{LINES} lines kept in {taken:.2f} s, {LINES / taken:,.0f} a second")  # noqa: T201 - the figure is the point
    assert taken < 5
    assert spool.count() == {label(): LINES}
