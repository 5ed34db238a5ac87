"""Tail, wired: copies of a queue's messages, or a stream from some point on."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.reading import Limits, Reading
from diracmq_cli.operations.stints import in_stints
from diracmq_cli.operations.tail import Trail
from diracmq_cli.wiring.acceptance import TrustOptions, refused_text, screen_for
from diracmq_cli.wiring.reconnecting import OUTAGE_OF_MANY, around_of, check_outage, line_of
from diracmq_cli.wiring.sinks import line_by_line, printing_sink
from diracmq_cli.wiring.streams import first_of_last, moment, offset_of

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Receiver, Session
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

CONNECT_TIMEOUT = 30.0
COUNT_WAIT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TailOptions:
    """The flags of ``tail``; at most one of ``since``, ``offset`` and ``last``, and these for streams only."""

    queue: str
    limits: Limits
    template: str | None = None
    unbatch: bool = False
    patterns: tuple[str, ...] = ()
    since: str | None = None
    offset: str | None = None
    last: int | None = None
    trust: TrustOptions = field(default_factory=TrustOptions)
    outage: float | None = None

    def check(self, queue: QueueSpec) -> None:
        """Refuse flags that contradict each other or the queue's type.

        Raises:
            UsageError: they do.
        """
        check_outage(self.outage)
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
    whole = Deadline(time.monotonic, options.limits.timeout)
    sink = printing_sink(console, options.template)
    if options.unbatch:
        sink = line_by_line(sink, console)
    target = setup.target(options.queue)
    queue = target.queue
    options.check(queue)
    screen = screen_for(queue, options.trust, setup, console)
    since = None if options.since is None else moment(options.since, time.time())

    def probe() -> Session:
        timeout = CONNECT_TIMEOUT if whole.left is None else min(whole.left, CONNECT_TIMEOUT)
        return setup.open(target.service, timeout=timeout, whole=whole.left, wake_fd=console.stop.wake_fd)

    trail = Trail(_start(options, since, lambda count: _last(probe(), queue, count)), since)
    around = around_of(setup, target.service, whole, console)
    reading = Reading(sink, screen, options.limits, around, wanted=trail.follow, come_again=False)
    following = _Following(queue, options, trail, reading, console)
    line = line_of(
        setup,
        target.service,
        following.receiver,
        options.outage or OUTAGE_OF_MANY,
        whole,
        console,
        following.tell_first,
    )
    try:
        in_stints(line, following, around)
    finally:
        if screen.refused:
            console.talk.warning(f"{queue.address}: {refused_text(screen.refused, 'left out')}")
    if not console.stop.requested:
        options.limits.check(reading.taken, str(queue.address), screen.refused.total())


class _Following:
    """Reads, and says what is followed, and what may have been missed (``stints.Work``)."""

    def __init__(
        self, queue: QueueSpec, options: TailOptions, trail: Trail, reading: Reading, console: Console
    ) -> None:
        self._queue, self._options, self._trail, self._reading = queue, options, trail, reading
        self._console = console
        self._told = False
        self._heard: float | None = None

    @property
    def settled(self) -> int:
        """See ``stints.Work``."""
        return self._reading.settled

    def receiver(self, session: Session) -> Receiver:
        """What is read on a new connection."""
        if self._queue.type is QueueType.STREAM:
            return session.stream_reader(self._queue, offset=self._trail.place)
        return session.tail(self._queue, patterns=self._options.patterns or ("#",), on_full=self._on_full)

    def tell_first(self, session: Session) -> None:
        """Say on the first connection what is followed."""
        if not self._told:
            self._console.talk.info(_what(session, self._queue, self._options))
            self._told = True

    def over(self, receiver: Receiver) -> bool:
        """See ``stints.Work``; raises as ``Reading.over``."""
        self._tell_gap()
        try:
            return self._reading.over(receiver)
        finally:
            self._heard = receiver.heard

    def _tell_gap(self) -> None:
        """Say what came when nobody listened: from when the broker was last heard of until now."""
        if self._heard is None or self._trail.unbroken:
            return
        now = time.time()
        since, until = (_clock_time(at) for at in (now - (time.monotonic() - self._heard), now))
        self._console.talk.warning(f"what reached {self._queue.address} between {since} and {until} is not shown")

    def _on_full(self) -> None:
        self._console.talk.warning(
            f"copies of what reaches {self._queue.address} come faster than they are read: some may have been dropped"
        )


def _clock_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%SZ")


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
