"""Tail, wired: copies of a queue's messages, or a stream from some point on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.ports import Receiver, Session
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.reading import Limits
from diracmq_cli.operations.tail import tail
from diracmq_cli.wiring.acceptance import TrustOptions, refused_text, screen_for
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.sinks import printing_sink
from diracmq_cli.wiring.streams import first_of_last, moment, offset_of

CONNECT_TIMEOUT = 30.0
COUNT_WAIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions:
    """The flags of ``tail``; at most one of ``since``, ``offset`` and ``last``, and these for streams only."""

    queue: str
    limits: Limits
    template: str | None = None
    patterns: tuple[str, ...] = ()
    since: str | None = None
    offset: str | None = None
    last: int | None = None
    trust: TrustOptions = field(default_factory=TrustOptions)

    def check(self, queue: QueueSpec) -> None:
        """Refuse flags that contradict each other or the queue's type.

        Raises:
            UsageError: they do.
        """
        chosen = [
            flag
            for flag, value in (("--since", self.since), ("--offset", self.offset), ("--last", self.last))
            if value is not None
        ]
        if len(chosen) > 1:
            raise UsageError(f"{' and '.join(chosen)} exclude each other")
        if queue.type is QueueType.STREAM and self.patterns:
            raise UsageError("--pattern does not apply to a stream: it is read, not copied")
        if queue.type is not QueueType.STREAM and chosen:
            raise UsageError(
                f"{chosen[0]} needs a stream, and {queue.address} is a {queue.type} queue: it keeps no history",
                hint=f"dirac-mq peek {queue.address} shows what waits there now",
            )
        if self.offset is not None:
            offset_of(self.offset)


def run_tail(setup: Setup, options: TailOptions, console: Console) -> None:
    """Follow a queue as the options ask.

    Raises:
        MQError: what went wrong.
    """
    started = time.monotonic()
    sink = printing_sink(console, options.template)
    target = setup.target(options.queue)
    queue = target.queue
    options.check(queue)
    screen = screen_for(queue, options.trust, setup, console)
    since = None if options.since is None else moment(options.since, time.time())
    limit = options.limits.timeout
    timeout = CONNECT_TIMEOUT if limit is None else min(limit, CONNECT_TIMEOUT)

    def connected() -> Session:
        return setup.open(target.service, timeout=timeout, whole=limit, wake_fd=console.stop.wake_fd)

    start = _start(options, since, lambda count: _last(connected(), queue, count))
    session = connected()
    try:
        receiver = _receiver(session, queue, options.patterns, start)
        console.talk.info(_what(session, queue, options))
        shown = tail(
            receiver,
            sink,
            screen,
            options.limits.after(time.monotonic() - started),
            since=since,
            clock=time.monotonic,
            stop=console.stop,
        )
    finally:
        session.close()
        if screen.refused:
            console.talk.warning(f"{queue.address}: {refused_text(screen.refused, 'left out')}")
    if not console.stop.requested:
        options.limits.check(shown, str(queue.address), screen.refused.total())


def _start(options: TailOptions, since: float | None, find_last: Callable[[int], str | int]) -> str | int:
    """Where in a stream to begin."""
    if options.last is not None:
        return find_last(options.last)
    if since is not None:
        return datetime.fromtimestamp(since, UTC).isoformat()
    return "next" if options.offset is None else offset_of(options.offset)


def _last(probe: Session, queue: QueueSpec, count: int) -> str | int:
    try:
        return first_of_last(probe, queue, count)
    finally:
        probe.close()


def _receiver(session: Session, queue: QueueSpec, patterns: Sequence[str], start: str | int) -> Receiver:
    if queue.type is QueueType.STREAM:
        return session.stream_reader(queue, offset=start)
    return session.tail(queue, patterns=patterns or ("#",))


def _what(session: Session, queue: QueueSpec, options: TailOptions) -> str:
    """What is followed, from when on, and how many messages wait that will not be shown."""
    if queue.type is QueueType.STREAM:
        return f"following the stream {queue.address} {_from(options)}"
    (status,) = session.inspector().status([queue.name], COUNT_WAIT)
    waiting = "" if status.ready is None else f"; {status.ready} already wait there (dirac-mq peek shows them)"
    chosen = f", routing keys {' '.join(options.patterns)}" if options.patterns else ""
    return f"following copies of what reaches {queue.address} from now on{chosen}{waiting}"


def _from(options: TailOptions) -> str:
    if options.last is not None:
        return f"from its last {options.last} on"
    if options.since is not None:
        return f"since {options.since}"
    if options.offset is not None:
        return f"from offset {options.offset} on"
    return "from now on (--last or --since shows what is there)"
