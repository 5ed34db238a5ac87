"""The spool flushed, wired: one service after another, our own entries only, the rest reported."""

from __future__ import annotations

import json
import random
import select
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.spool import Label, Owner, entries
from diracmq_cli.errors import MQError, Partial, TemporaryFailure, UnknownDestination, UsageError
from diracmq_cli.operations.drain import DrainSummary
from diracmq_cli.operations.flush import Flush, FlushLimits
from diracmq_cli.output.spooled import problem
from diracmq_cli.wiring.spooling import opened
from diracmq_cli.wiring.target import parse_broker

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.core.ports import Publisher
    from diracmq_cli.spool import Spool
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

CONNECT_TIMEOUT = 30.0
"""Seconds, where neither ``--timeout`` nor the stall limit leaves less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushOptions:
    """The flags of ``spool flush``, in seconds."""

    directory: str | None = None
    timeout: float | None = None
    ttl: float | None = None


def run_flush(setup: Setup, options: FlushOptions, console: Console) -> None:
    """Send what waits and is ours; everything else is reported.

    Raises:
        TemporaryFailure: some of ours remains.
        Partial: what remains is others', or something was lost.
        MQError: nothing could be sent at all.
    """
    with opened(options.directory, console, ttl=options.ttl) as spool:
        if spool is not None:
            _Flushing(setup, spool, options, console).run()


class _Flushing:
    """One run of ``spool flush``: service after service."""

    def __init__(self, setup: Setup, spool: Spool, options: FlushOptions, console: Console) -> None:
        self._setup, self._spool, self._options, self._console = setup, spool, options, console
        self._ends = None if options.timeout is None else time.monotonic() + options.timeout
        self._summary = DrainSummary()
        self._owners: set[Owner] = set()
        self._problem: MQError | None = None

    def run(self) -> None:
        waiting = _meant(self._spool.count(), self._setup.choices.broker)
        for name in sorted({label.owner.service for label in waiting}):
            try:
                service = self._service(name, waiting)
                self._flush(name, service)
            except MQError as error:
                self._console.talk.warning(f"{name}: {error}")
                self._problem = self._problem or error
        for flaw in self._spool.flaws:
            self._console.talk.warning(problem(flaw))
        self._report(_meant(self._spool.count(), self._setup.choices.broker))

    def _service(self, name: str, waiting: Mapping[Label, int]) -> BrokerService:
        """The broker to dial for a service: the one of that name, or the one that ``--broker URL`` names."""
        broker = self._setup.choices.broker
        if broker is not None and not isinstance(parse_broker(broker), str):
            label = next(label for label in waiting if label.owner.service == name)
            return self._setup.target(label.destination).service
        try:
            return self._setup.service(name)
        except UnknownDestination as error:
            raise Partial(str(error), hint="name its broker with --broker URL") from error

    def _flush(self, name: str, service: BrokerService) -> None:
        owner = Owner(self._setup.login_name(service) or self._setup.identity.dn, name)
        self._owners.add(owner)
        wake_fd = self._console.stop.wake_fd

        def connect(timeout: float | None) -> Publisher:
            limit = CONNECT_TIMEOUT if timeout is None else timeout
            return self._setup.open(service, timeout=limit, wake_fd=wake_fd).publisher()

        Flush(
            connect,
            FlushLimits(timeout=None if self._ends is None else max(0.0, self._ends - time.monotonic())),
            pause=lambda seconds: _pause(wake_fd, seconds),
            jitter=random.random,
            clock=time.monotonic,
            stop=self._console.stop,
        ).run(self._spool.abandoned(owner), self._summary)

    def _report(self, left: Mapping[Label, int]) -> None:
        ours = sum(count for label, count in left.items() if label.owner in self._owners)
        others = sum(left.values()) - ours
        losses = self._spool.losses
        figures = {"confirmed": self._summary.confirmed, "remaining": ours, "others": others}
        figures |= {"expired": losses.expired, "dropped": losses.dropped, "damaged": losses.damaged}
        if self._console.json:
            self._console.writer.write(json.dumps(figures).encode() + b"\n")
            self._console.writer.flush()
        self._console.talk.info(f"{entries(self._summary.confirmed)} of {self._spool.path} sent and confirmed")
        if self._problem is not None and not isinstance(self._problem, Partial):
            raise self._problem
        if ours:
            why = f": {self._summary.failure}" if self._summary.failure else ""
            raise TemporaryFailure(
                f"{entries(ours)} left in {self._spool.path}{why}",
                hint="try again, or write them out with dirac-mq spool cat",
            )
        parts = [f"{entries(others)} left that others own ({_names(left, self._owners)})"] if others else []
        parts += [losses.text()] if losses else []
        parts += ["a file cannot be read"] if any(flaw.entries is None for flaw in self._spool.flaws) else []
        if parts:
            raise Partial(f"{self._spool.path}: " + "; ".join(parts), hint="dirac-mq spool ls shows what waits")


def _meant(waiting: Mapping[Label, int], broker: str | None) -> Mapping[Label, int]:
    """What waits for the service that ``--broker`` names; everything, without it.

    Raises:
        UsageError: a URL that could be the broker of any of several services.
    """
    waiting = {label: count for label, count in waiting.items() if count}
    where = None if broker is None else parse_broker(broker)
    if isinstance(where, str):
        return {label: count for label, count in waiting.items() if label.owner.service == where}
    services = sorted({label.owner.service for label in waiting})
    if where is not None and len(services) > 1:
        raise UsageError(
            f"--broker: entries of several services wait ({', '.join(services)}), and a URL is one broker",
            hint="name one service with --broker SERVICE",
        )
    return waiting


def _names(left: Mapping[Label, int], ours: set[Owner]) -> str:
    return ", ".join(sorted({str(label.owner) for label, count in left.items() if count and label.owner not in ours}))


def _pause(wake_fd: int, seconds: float) -> None:
    """Wait, but not longer than until a signal arrives."""
    select.select([wake_fd], [], [], seconds)
