"""Flush: send what waits in the spool, until nothing does or the time is up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.errors import (
    BrokerUnreachable,
    HostUnknown,
    PermissionDenied,
    TemporaryFailure,
    UnknownDestination,
)
from diracmq_cli.operations.deadline import Deadline, soonest
from diracmq_cli.operations.drain import Drain, DrainSummary
from diracmq_cli.operations.lastwords import CONFIRM_GRACE

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Backlog, Clock, Publisher, Stop

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0
"""Seconds between attempts to connect, before jitter takes up to half of them; they double in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushLimits:
    """When to give up: after ``timeout`` seconds in all, or ``stall`` seconds in which nothing was confirmed."""

    timeout: float | None = None
    stall: float | None = 30.0


class Flush:
    """Connects, drains, and connects again after a loss.

    Args:
        connect: opens a publisher within so many seconds.
        pause: waits so many seconds, less when a stop is asked for.
        jitter: a number from 0 to 1, anew each time, so that many pilots do not come back at one moment.
    """

    def __init__(
        self,
        connect: Callable[[float | None], Publisher],
        limits: FlushLimits,
        *,
        pause: Callable[[float], None],
        jitter: Callable[[], float],
        clock: Clock,
        stop: Stop,
    ) -> None:
        self._connect = connect
        self._limits = limits
        self._pause = pause
        self._jitter = jitter
        self._clock = clock
        self._stop = stop

    def run(self, backlogs: Iterable[Backlog], summary: DrainSummary) -> None:
        """Send everything that can be sent; ``summary`` tells what was, and why the rest was not.

        Raises:
            AccessError, ConfigError, ProtocolError: no attempt to connect can succeed.
            OutputError: the spool cannot be read or written.
        """
        self._whole = Deadline(self._clock, self._limits.timeout)
        self._stall = Deadline(self._clock, self._limits.stall)
        drain = Drain(backlogs, summary)
        pause = FIRST_PAUSE
        try:
            while not self._over and not drain.finished:
                before = summary.confirmed
                try:
                    self._drain(drain, summary)
                except (BrokerUnreachable, HostUnknown, TemporaryFailure) as error:
                    summary.failure = str(error)
                    drain.rewind()
                    if summary.confirmed > before:
                        pause = FIRST_PAUSE
                    self._wait(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            drain.close()

    @property
    def _over(self) -> bool:
        return self._stop.requested or self._whole.over or self._stall.over

    def _wait(self, seconds: float) -> None:
        wanted = seconds * (1 - self._jitter() / 2)
        left = soonest(self._whole, self._stall)
        self._pause(wanted if left is None else min(wanted, left))

    def _drain(self, drain: Drain, summary: DrainSummary) -> None:
        publisher = self._connect(soonest(self._whole, self._stall))
        try:
            self._publish(drain, publisher, summary)
        except (UnknownDestination, PermissionDenied) as error:
            drain.bar(str(error))
        finally:
            publisher.close()

    def _publish(self, drain: Drain, publisher: Publisher, summary: DrainSummary) -> None:
        while not drain.finished and not self._over:
            drain.publish(publisher)
            if drain.in_flight or not publisher.ready:
                self._turn(drain, publisher, soonest(self._whole, self._stall))
        if self._stop.requested:
            grace = Deadline(self._clock, CONFIRM_GRACE)
            while drain.in_flight and not grace.over:
                self._turn(drain, publisher, grace.left)
        elif drain.in_flight or publisher.blocked:
            blocked = publisher.blocked
            summary.failure = f"the broker blocks publishers ({blocked})" if blocked else "no confirm came in time"

    def _turn(self, drain: Drain, publisher: Publisher, timeout: float | None) -> None:
        receipts = publisher.turn(timeout)
        if receipts:
            self._stall.restart()
            drain.settle(receipts)
