"""One change of a devbroker at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diracmq_cli.errors import TemporaryFailure

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout

WAIT = 200.0
"""Seconds; longer than the start of three nodes may take."""


@contextmanager
def locked(layout: Layout, say: Callable[[str], None], wait: float = WAIT) -> Iterator[None]:
    """Hold the devbroker's lock, which also marks its directory as ours.

    Raises:
        TemporaryFailure: another command held it for ``wait`` seconds.
    """
    deadline = time.monotonic() + wait
    told = False
    while True:
        descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(layout, descriptor):
                break
        except BlockingIOError:
            if not told:
                say(f"waiting for another dirac-mq devbroker in {layout.directory}")
                told = True
            if time.monotonic() > deadline:
                os.close(descriptor)
                raise TemporaryFailure(f"another dirac-mq devbroker has been busy in {layout.directory}") from None
        os.close(descriptor)
        time.sleep(0.05)
    try:
        yield
    finally:
        os.close(descriptor)


def _is_current(layout: Layout, descriptor: int) -> bool:
    """Whether the file we locked is still the one of that name: a purge removes it under us."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(layout.lock))  # noqa: PTH116 - samestat wants both alike
    except FileNotFoundError:
        return False
