"""Waiting for what other processes do."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(look: Callable[[], T], timeout: float = 60) -> T:
    """What ``look`` returns once that is true; its AssertionErrors, too, are looked at again until then."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            if found := look():
                return found
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, f"it did not come within {timeout} s"
        time.sleep(0.05)
