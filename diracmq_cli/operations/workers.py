"""The commands that run at a time, each with its message and its time limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Handled
    from diracmq_cli.core.ports import Child, Clock, Launcher
    from diracmq_cli.core.verdict import Verdict

KILL_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that is out of time."""


@dataclass(slots=True)
class _Work:
    delivery: Delivery
    verdict: Verdict
    deadline: Deadline


@dataclass(frozen=True, slots=True)
class Done:
    """A message whose command has ended, and how."""

    delivery: Delivery
    verdict: Verdict
    handled: Handled


class Workers:
    """Starts commands and sees to their ends; how many, is its caller's business.

    Args:
        launcher: starts them.
        clock: monotonic, in seconds.
        timeout: seconds that one may run; None for no limit.
    """

    def __init__(self, launcher: Launcher, clock: Clock, timeout: float | None) -> None:
        self._launcher, self._clock, self._timeout = launcher, clock, timeout
        self._running: dict[Child, _Work] = {}

    def __len__(self) -> int:
        return len(self._running)

    def start(self, delivery: Delivery, verdict: Verdict) -> None:
        """Start a command for one message.

        Raises:
            OutputError: the message cannot be handed over.
        """
        child = self._launcher.start(delivery, verdict)
        self._running[child] = _Work(delivery, verdict, Deadline(self._clock, self._timeout))

    def fileno(self) -> int:
        """A descriptor that is readable while a command has ended and was not yet asked for."""
        return self._launcher.fileno()

    @property
    def left(self) -> float | None:
        """Seconds until one of them is out of time; None when none ever is."""
        return soonest(*(work.deadline for work in self._running.values()))

    def hurry(self) -> None:
        """Ask those that are out of time to end, and end those that do not after ``KILL_GRACE``."""
        for child, work in self._running.items():
            if work.deadline.over:
                child.terminate()
                work.deadline = Deadline(self._clock, KILL_GRACE)

    def ended(self) -> Iterator[Done]:
        """Each message whose command has ended since this was last asked for."""
        for child in self._launcher.ended():
            work = self._running.pop(child)
            yield Done(work.delivery, work.verdict, child.result())

    def abandon(self) -> Iterator[tuple[Delivery, Verdict]]:
        """End all of them now: their messages, which this yields, go to somebody else."""
        while self._running:
            child, work = self._running.popitem()
            child.terminate()
            child.terminate()
            child.result()
            yield work.delivery, work.verdict
