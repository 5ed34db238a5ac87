"""Peek, wired."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.model import QueueType
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.peek import guard, peek
from diracmq_cli.wiring.acceptance import TrustOptions, refused_text, screen_for
from diracmq_cli.wiring.sinks import printing_sink
from diracmq_cli.wiring.streams import END_WAIT

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Sink
    from diracmq_cli.operations.reading import Limits
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.signals import StopFlag
    from diracmq_cli.wiring.target import Target

DEFAULT_COUNT = 10
DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PeekOptions:
    """The flags of ``peek``."""

    queue: str
    limits: Limits
    template: str | None = None
    force: bool = False
    trust: TrustOptions = field(default_factory=TrustOptions)


def run_peek(setup: Setup, options: PeekOptions, console: Console) -> None:
    """Show the next messages and leave them where they are.

    Raises:
        MQError: what went wrong; whatever was got is back in the queue.
    """
    if options.limits.idle is not None:
        raise UsageError("peek does not wait for messages: no --idle")
    sink = printing_sink(console, options.template)
    target = setup.target(options.queue)
    queue = target.queue
    if not options.force:
        guard(queue)
    screen = screen_for(queue, options.trust, setup, console)
    count = options.limits.count or DEFAULT_COUNT
    timeout = DEFAULT_TIMEOUT if options.limits.timeout is None else options.limits.timeout
    shown = look(setup, target, sink, screen, count=count, timeout=timeout, stop=console.stop)
    if screen.refused:
        console.talk.warning(f"{queue.address}: {refused_text(screen.refused, 'left out')}")
    if not console.stop.requested:
        options.limits.check(shown, str(queue.address), screen.refused.total())


def look(
    setup: Setup, target: Target, sink: Sink, screen: Screen, *, count: int, timeout: float, stop: StopFlag
) -> int:
    """Show the next ``count`` messages of a queue, over a connection of its own; returns how many were shown.

    Raises:
        MQError: what went wrong; whatever was got is back in the queue.
    """
    queue = target.queue
    started = time.monotonic()
    session = setup.open(target.service, timeout=timeout, whole=timeout, wake_fd=stop.wake_fd)
    try:
        if queue.type is QueueType.STREAM:
            receiver = session.stream_reader(queue, offset="first", prefetch=min(count, 200))
        else:
            receiver = session.getter(queue, limit=count)
        return peek(
            receiver,
            sink,
            screen,
            count=count,
            timeout=max(0.0, timeout - (time.monotonic() - started)),
            silence=END_WAIT if queue.type is QueueType.STREAM else None,
            clock=time.monotonic,
            stop=stop,
        )
    finally:
        session.close()
