"""Processes that outlive the command that started them, told apart from others that later get the same id."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

_POLL = 0.02


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its id and the moment it was started (in clock ticks since boot, field 22 of proc(5) stat)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this id now, or None. A zombie is none: it does nothing any more."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in ("Z", "X") else cls(pid, int(fields[19]))

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return Process.of(self.pid) == self

    def signal(self, signum: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.alive:
            try:
                os.kill(self.pid, signum)
            except ProcessLookupError:
                return

    def wait(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for its end; returns whether it has ended."""
        deadline = time.monotonic() + timeout
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        return True
