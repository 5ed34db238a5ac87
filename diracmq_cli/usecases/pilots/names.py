"""Pilots' ids as names of files, whatever characters a pilot puts into its id.

``NAME.log`` is written to; ``NAME.log.1``, ``NAME.log.2`` … are the older files of the same pilot, the newest with the
highest number. A plain id is its own name. Any other is shown as far as it is harmless, then ``~`` and a hash, so that
no two ids share a name; ``~`` is in no plain one.
"""

from __future__ import annotations

import hashlib
import re

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_SHOWN = 40


def stem(pilot: str) -> str:
    """The first part of the names of a pilot's files."""
    if _PLAIN.fullmatch(pilot):
        return pilot
    digest = hashlib.sha256(pilot.encode()).hexdigest()[:32]
    return f"_{_UNSAFE.sub('_', pilot)[:_SHOWN]}~{digest}"


def current(name: str) -> str:
    """The file that is written to."""
    return f"{name}.log"


def rotated(name: str, number: int) -> str:
    """One of the older files, counted from 1."""
    return f"{name}.log.{number}"


def is_log(file: str) -> bool:
    """Whether a file may be one of a pilot's."""
    return re.fullmatch(r".+\.log(\.[0-9]+)?", file) is not None
