"""Ask a broker about queues (port ``Inspector``): passive queue.declare, as many at a time as it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pika import spec

from diracmq_cli.broker.channel import Answer, Channel, Closed
from diracmq_cli.broker.waiting import Deadline

if TYPE_CHECKING:
    from diracmq_cli.broker.link import Link
    from diracmq_cli.core.ports import QueueStatus

_PROBLEMS = {403: "may not look", 404: "no such queue", 405: "in exclusive use"}


@dataclass(frozen=True, slots=True)
class Figures:
    """What a broker tells of one queue (port ``QueueStatus``)."""

    ready: int | None = None
    consumers: int | None = None
    problem: str | None = None


class QueueInspector:
    """Asks on ``link``. A missing or forbidden queue costs the channel, so the rest is asked again on a new one."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def status(self, names: Sequence[str], timeout: float) -> Sequence[QueueStatus]:
        """See ``core.ports.Inspector``."""
        deadline = Deadline(min(timeout, self._link.patience.deadline().remaining))
        figures: list[Figures] = []
        while len(figures) < len(names) and deadline.remaining:
            figures += self._ask(names[len(figures) :], deadline)
        if names and not figures:
            raise self._link.fell_silent("queue.declare")
        return figures + [Figures(problem="no answer in time")] * (len(names) - len(figures))

    def close(self) -> None:
        """See ``core.ports.Inspector``."""
        self._link.shut()

    def _ask(self, names: Sequence[str], deadline: Deadline) -> list[Figures]:
        """Figures of the first of ``names``: up to the first that the broker refuses, or those answered in time."""
        channel = Channel(self._link, "queues", on_content=lambda _: None, on_method=lambda _: None)
        answers = [
            channel.ask(spec.Queue.Declare(queue=name, passive=True, arguments={}), spec.Queue.DeclareOk)
            for name in names
        ]
        last = answers[-1]
        self._link.wait(lambda: last.method is not None or channel.closed is not None, deadline)
        self._link.check()
        figures = [_figures(answer) for answer in answers if answer.method is not None]
        if channel.closed is not None:
            figures.append(_refused(channel.closed))
        elif len(figures) == len(names):
            channel.close()
        return figures


def _figures(answer: Answer) -> Figures:
    method = answer.method
    assert isinstance(method, spec.Queue.DeclareOk)
    return Figures(ready=method.message_count, consumers=method.consumer_count)


def _refused(closed: Closed) -> Figures:
    return Figures(problem=_PROBLEMS.get(closed.code, closed.text))
