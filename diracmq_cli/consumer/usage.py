"""What this process uses, and since when it is there."""

from __future__ import annotations

import os
import time
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def resident_octets() -> int:
    """Memory that is resident now (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def cpu_seconds() -> float:
    """Processor time so far, with that of the children that have ended: a module may leave its work to them."""
    return sum(os.times()[:4])


def started() -> float:
    """When this process was forked, in seconds of the epoch; up to a hundredth late, as the kernel counts in those."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + (int(fields[19]) + 1) / _TICKS
