"""Names of the spool's files.

A run of a sender has one ``RUN.lock`` and any number of segments ``RUN.ORDER.seg``. ``RUN`` is a UUIDv7, so that runs
sort by their beginning; ``ORDER`` is the microsecond of a segment's creation as 16 hexadecimal digits, made to grow
within the run, so that segments sort by age over all runs.
"""

from __future__ import annotations

import re

_SEGMENT = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.([0-9a-f]{16})\.seg")
_LOCK = re.compile(r"([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\.lock")


def segment_name(run: str, order: int) -> str:
    """The name of a segment."""
    return f"{run}.{order:016x}.seg"


def lock_name(run: str) -> str:
    """The name of a run's lock file."""
    return f"{run}.lock"


def run_of(name: str) -> str | None:
    """The run that a file belongs to; None when it is no file of ours."""
    match = _SEGMENT.fullmatch(name) or _LOCK.fullmatch(name)
    return match[1] if match else None


def order_of(segment: str) -> int:
    """When a segment was created, in microseconds since the epoch."""
    return int(segment.split(".")[1], 16)


def is_segment(name: str) -> bool:
    """Whether a file is a segment."""
    return _SEGMENT.fullmatch(name) is not None
