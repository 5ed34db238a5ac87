"""Peek and status: what only looks, over a connection of its own, as ``dirac-mq peek`` and ``list`` do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from diracmq_cli.api.message import Peeked
from diracmq_cli.operations.listing import states_of
from diracmq_cli.operations.peek import guard
from diracmq_cli.wiring.acceptance import TrustOptions, screen_for
from diracmq_cli.wiring.peeking import look
from diracmq_cli.wiring.setup import Setup, require_amqp

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import QueueState
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.signals import StopFlag
    from diracmq_cli.wiring.target import Target


class _Collected:
    """Keeps what is shown (port ``Sink``)."""

    def __init__(self) -> None:
        self.messages: list[Peeked] = []

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """See ``core.ports.Sink``."""
        self.messages.append(Peeked(delivery, verdict))

    def flush(self) -> None:
        """There is nothing to wait for."""


def peek(
    setup: Setup, target: Target, trust: TrustOptions, console: Console, *, count: int, timeout: float, force: bool
) -> list[Peeked]:
    """The next messages of a queue, which stay there; see ``Queue.peek``."""
    if not force:
        guard(target.queue)
    collected = _Collected()
    screen = screen_for(target.queue, trust, setup, console)
    look(setup, target, collected, screen, count=count, timeout=timeout, stop=console.stop)
    return collected.messages


def status(setup: Setup, target: Target, stop: StopFlag, *, timeout: float) -> QueueState:
    """The state of a queue now; see ``Queue.status``."""
    queue = target.queue
    require_amqp(target.service)
    ends = time.monotonic() + timeout
    session = setup.open(target.service, timeout=timeout, whole=timeout, wake_fd=stop.wake_fd)
    try:
        answers = session.inspector().status([queue.name], max(0.0, ends - time.monotonic()))
    finally:
        session.close()
    return states_of([queue], answers)[0]
