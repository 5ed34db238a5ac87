"""How far a long run has come, on stderr."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.output.talk import Talk

INTERVAL = 5.0
"""Seconds between two lines."""


class Progress:
    """Says ``120 of 600`` now and then; nothing of a run that is over before the first line is due.

    Lines, on a terminal too: they stay readable between the warnings of a run.
    """

    def __init__(self, talk: Talk, what: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._talk = talk
        self._what = what
        self._total = total
        self._clock = clock
        self._due = clock() + INTERVAL
        self._count = 0

    def step(self) -> None:
        """One more is done."""
        self._count += 1
        if self._clock() >= self._due:
            self._due = self._clock() + INTERVAL
            self._talk.info(f"{self._count} of {self._total} {self._what}")
