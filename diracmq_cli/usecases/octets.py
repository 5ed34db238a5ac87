"""Octets of files that are open: written whole, and looked at from their end."""

from __future__ import annotations

import os

_AT_ONCE = 1 << 16


def write_at(fd: int, octets: bytes, at: int) -> None:
    """Write all of ``octets``; a write that is cut short goes on, or says why it cannot.

    Raises:
        OSError: it cannot.
    """
    left = memoryview(octets)
    while left:
        written = os.pwrite(fd, left, at)
        left, at = left[written:], at + written


def end_of_last_line(fd: int) -> int:
    """Where the last whole line ends; 0 where there is none."""
    end = os.fstat(fd).st_size
    while end:
        start = max(end - _AT_ONCE, 0)
        found = os.pread(fd, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
