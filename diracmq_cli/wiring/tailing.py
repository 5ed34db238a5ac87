"""Tail, wired: copies of a queue's messages, or a stream from some point on."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.ports import Receiver, Session
from diracmq_cli.core.quantity import parse_duration
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.reading import Limits
from diracmq_cli.operations.tail import tail
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.judging import judge_for
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.sinks import printing_sink

CONNECT_TIMEOUT = 30.0
COUNT_WAIT = 5.0
END_WAIT = 0.5
"""Seconds of silence after which a stream's end is taken to be reached."""


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


def run_tail(setup: Setup, options: TailOptions, console: Console) -> None:
    """Follow a queue as the options ask.

    Raises:
        MQError: what went wrong.
    """
    sink = printing_sink(console, options.template)
    target = setup.target(options.queue)
    queue = target.queue
    options.check(queue)
    since = None if options.since is None else moment(options.since, time.time())
    limit = options.limits.timeout
    timeout = CONNECT_TIMEOUT if limit is None else min(limit, CONNECT_TIMEOUT)
    if options.last is not None:
        probe = setup.open(target.service, timeout=timeout, wake_fd=console.stop.wake_fd)
        try:
            options = replace(options, offset=str(_first_of_last(probe, queue, options.last)))
        finally:
            probe.close()
    session = setup.open(target.service, timeout=timeout, wake_fd=console.stop.wake_fd)
    try:
        console.talk.info(_what(queue, options, session))
        shown = tail(
            _open_reader(session, queue, options, since),
            sink,
            judge_for(queue, setup.model),
            options.limits,
            since=since,
            clock=time.monotonic,
            stop=console.stop,
        )
    finally:
        session.close()
    if not console.stop.requested:
        options.limits.check(shown, str(queue.address))


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of ``--since``: a duration before ``now``, or an RFC 3339 time (UTC if it says nothing).

    Raises:
        UsageError: neither.
    """
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text}: write how long ago (2h) or a time (2026-11-24T01:58:03Z)") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _what(queue: QueueSpec, options: TailOptions, session: Session) -> str:
    """What is followed and how many messages wait: those that this will not show."""
    if queue.type is QueueType.STREAM:
        return f"following the stream {queue.address}"
    (status,) = session.inspector().status([queue.name], COUNT_WAIT)
    waiting = "" if status.ready is None else f"; {status.ready} already wait there (dirac-mq peek shows them)"
    chosen = f", routing keys {' '.join(options.patterns)}" if options.patterns else ""
    return f"following copies of what reaches {queue.address} from now on{chosen}{waiting}"


def _open_reader(session: Session, queue: QueueSpec, options: TailOptions, since: float | None) -> Receiver:
    if queue.type is not QueueType.STREAM:
        return session.tail(queue, patterns=options.patterns or ("#",))
    if since is not None:
        return session.stream_reader(queue, offset=datetime.fromtimestamp(since, UTC).isoformat())
    return session.stream_reader(queue, offset=_offset(options.offset))


def _offset(text: str | None) -> str | int:
    if text is None:
        return "next"
    return int(text) if text.isdecimal() else text


def _first_of_last(session: Session, queue: QueueSpec, count: int) -> str | int:
    """The offset at which the last ``count`` messages of a stream begin.

    RabbitMQ finds the last chunk only, and a chunk holds any number of messages: so read to the end once.
    """
    receiver = session.stream_reader(queue, offset="last")
    end: int | None = None
    while (delivery := receiver.receive(END_WAIT)) is not None:
        receiver.ack(delivery)
        offset = delivery.message.headers.get("x-stream-offset")
        end = offset if isinstance(offset, int) else end
    return "first" if end is None or end < count else end - count + 1
