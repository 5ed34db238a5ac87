"""Deadlines, and waiting for one descriptor while a connection is being made."""

from __future__ import annotations

import math
import os
import select
import time

from diracmq_cli.errors import BrokerUnreachable


class Interrupted(BrokerUnreachable):
    """A stop was asked for while we were connecting."""


class Deadline:
    """A moment on the monotonic clock; ``Deadline(None)`` never comes."""

    __slots__ = ("_at",)

    def __init__(self, seconds: float | None) -> None:
        self._at = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds until then, at least 0; infinite when it never comes."""
        return max(0.0, self._at - time.monotonic())


class Patience:
    """How long a connected broker may take to answer: ``seconds``, or until ``ends`` if that is later.

    Args:
        seconds: for each answer.
        ends: when the caller's own time is up; before that there is no reason to give up.
    """

    __slots__ = ("_ends", "_seconds")

    def __init__(self, seconds: float, ends: Deadline | None = None) -> None:
        self._seconds, self._ends = seconds, ends

    def deadline(self) -> Deadline:
        """By when an answer must be here that is waited for from now on."""
        return Deadline(self._seconds if self._ends is None else max(self._seconds, self._ends.remaining))


def milliseconds(seconds: float) -> int | None:
    """A time as ``poll`` takes it: rounded up, so that a deadline has passed when it returns; None for ever."""
    return None if seconds == math.inf else math.ceil(seconds * 1000)


def wait_for(fd: int, events: int, deadline: Deadline, wake_fd: int | None) -> None:
    """Wait until ``fd`` is ready for ``events`` (``select.POLLIN``, ``POLLOUT``).

    Raises:
        TimeoutError: the deadline passed first.
        Interrupted: ``wake_fd`` became readable.
    """
    poll = select.poll()
    poll.register(fd, events)
    if wake_fd is not None:
        poll.register(wake_fd, select.POLLIN)
    ready = dict(poll.poll(milliseconds(deadline.remaining)))
    if wake_fd is not None and wake_fd in ready:
        drain(wake_fd)
        raise Interrupted("stopped while connecting")
    if fd not in ready:
        raise TimeoutError("no answer in time")


def drain(wake_fd: int) -> None:
    """Take what signals have written into the pipe (``signal.set_wakeup_fd``)."""
    os.read(wake_fd, 4096)
