"""Move, wired: from one queue to another, or dead letters back to where they died."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.moved import logins
from diracmq_cli.core.redrive import Left, Onward, Redrive, Transfer
from diracmq_cli.errors import ConfigError, NothingThere, PermissionDenied, UnknownDestination, UsageError
from diracmq_cli.operations.move import MoveRequest, look, move
from diracmq_cli.operations.movetally import MoveTally
from diracmq_cli.operations.peek import guard
from diracmq_cli.output.moves import Moved, print_moves
from diracmq_cli.wiring.judging import judge_for

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.ports import Session
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

CONNECT_TIMEOUT = 30.0
WINDOW = 200
"""Messages in flight at most: so many may be there twice after a SIGKILL."""

IN_HAND = 10.0
"""Seconds that a message waits in hand at most, when they go at a rate."""

BROKER_CONSUMER_TIMEOUT = 1800.0
"""Seconds after which RabbitMQ takes back what a consumer holds, by default."""

_PATIENCE = 0.8
"""The part of that time for which we hold what stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOptions:
    """The flags of ``move``; ``rate`` is in messages a second, ``timeout`` in seconds."""

    source: str
    destination: str | None = None
    redrive: bool = False
    count: int | None = None
    rate: float | None = None
    dry_run: bool = False
    force: bool = False
    timeout: float | None = None

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UsageError: they do.
        """
        if self.redrive == (self.destination is not None):
            raise UsageError(
                "say where to: a queue DST, or --redrive for the queues in which the letters died",
                hint=f"dirac-mq move {self.source} --redrive --dry-run shows what would go where",
            )


def run_move(setup: Setup, options: MoveOptions, console: Console) -> None:
    """Move messages, and say how many went where and how many stay.

    Raises:
        MQError: what went wrong; what was not moved is in its queue.
    """
    options.check()
    started = time.monotonic()
    source = setup.target(options.source)
    destination = None if options.destination is None else setup.target(options.destination)
    _refuse_unsuitable(source.queue, None if destination is None else destination.queue, options)
    judge = judge_for(source.queue, setup)
    timeout = CONNECT_TIMEOUT if options.timeout is None else min(options.timeout, CONNECT_TIMEOUT)
    tally = MoveTally("would move" if options.dry_run else "moved")
    session = setup.open(source.service, timeout=timeout, wake_fd=console.stop.wake_fd)
    try:
        plan = _plan(setup, source.queue, destination, session.login, force=options.force)
        request = _request(source.queue, _waiting(session, source.queue, timeout), options, started)

        def step(delivery: Delivery) -> Onward | Left:
            return plan(delivery, judge(delivery))

        if options.dry_run:
            receiver = session.getter(source.queue, limit=request.limit)
            look(receiver, step, request, tally, clock=time.monotonic, stop=console.stop)
        else:
            # Two connections: a broker that blocks the one that publishes must not hold up the other.
            service = source.service if destination is None else destination.service
            outgoing = setup.open(service, timeout=timeout, wake_fd=console.stop.wake_fd)
            try:
                publisher = outgoing.publisher(max_messages=WINDOW)
                receiver = session.consumer(source.queue, limit=request.limit, prefetch=_prefetch(options))
                move(receiver, publisher, step, request, tally, clock=time.monotonic, stop=console.stop)
            finally:
                outgoing.close()
    finally:
        session.close()
        _report(source.queue, tally, console)
    if not console.stop.requested:
        tally.check(str(source.queue.address), options.count)


def _refuse_unsuitable(source: QueueSpec, destination: QueueSpec | None, options: MoveOptions) -> None:
    if source.type is QueueType.STREAM:
        raise UsageError(f"{source.address} is a stream: nothing can be taken from it")
    if destination is not None and destination.name == source.name and destination.service.same_broker(source.service):
        raise UsageError(f"{source.address} cannot be moved into itself")
    if not options.force:
        guard(source)


def _plan(
    setup: Setup, source: QueueSpec, destination: Target | None, login: str, *, force: bool
) -> Callable[[Delivery, Verdict], Onward | Left]:
    """Where messages go. Who is not among the Movers of any target is told now: readers would not believe him.

    Raises:
        ConfigError: no queue sends its dead letters here, or a group of Movers is unknown.
        PermissionDenied: no target has the login among its Movers.
    """

    @cache
    def registry() -> Registry:
        from diracmq_cli.config import read_registry

        return read_registry(setup.configuration)

    if destination is not None:
        if not force and login not in logins(destination.queue.movers, registry):
            raise _not_a_mover(login, destination.queue)
        return Transfer(source, destination.queue, login)
    redrive = Redrive.of(source, setup.model, login, registry, force=force)
    if not redrive.targets:
        raise ConfigError(
            f"no queue of the configuration sends its dead letters to {source.address} ({source.source})",
            hint=f"give a queue DeadLetterQueue = {source.name}, or name where to: dirac-mq move {source.name} DST",
        )
    if redrive.unheard == redrive.targets.keys():
        raise _not_a_mover(login, *redrive.targets.values())
    return redrive


def _not_a_mover(login: str, *queues: QueueSpec) -> PermissionDenied:
    names = ", ".join(str(queue.address) for queue in queues)
    return PermissionDenied(
        f"{login} is not among the Movers of {names}, so nobody there would believe whose the messages are",
        hint="have Movers of the queue in the CS name you, or insist with --force",
    )


def _waiting(session: Session, source: QueueSpec, timeout: float) -> int:
    """How many wait there now: what comes later, and what comes back meanwhile, is not moved.

    Raises:
        UnknownDestination, PermissionDenied: the broker has no such queue, or does not let us look.
        NothingThere: none.
    """
    (status,) = session.inspector().status([source.name], timeout)
    if status.ready is None:
        kind = PermissionDenied if status.problem == "may not look" else UnknownDestination
        raise kind(f"{source.address}: {status.problem}")
    if not status.ready:
        raise NothingThere(f"nothing waits in {source.address}")
    return status.ready


def _request(source: QueueSpec, waiting: int, options: MoveOptions, started: float) -> MoveRequest:
    spent = time.monotonic() - started
    return MoveRequest(
        waiting=waiting,
        count=options.count,
        rate=options.rate,
        timeout=None if options.timeout is None else max(0.0, options.timeout - spent),
        patience=_PATIENCE * (source.consumer_timeout or BROKER_CONSUMER_TIMEOUT),
    )


def _prefetch(options: MoveOptions) -> int:
    """How many to have in hand: what goes slowly would wait there, and others could have it meanwhile."""
    if options.rate is None:
        return WINDOW
    return max(1, min(WINDOW, int(options.rate * IN_HAND)))


def _report(source: QueueSpec, tally: MoveTally, console: Console) -> None:
    address = str(source.address)
    rows = [Moved(count=count, outcome=tally.verb, queue=queue) for queue, count in tally.moved.items()]
    rows += [
        Moved(count=stay.count, outcome="left", queue=address, reason=reason, message_ids=stay.message_ids)
        for reason, stay in tally.stays.items()
    ]
    if tally.unknown:
        why = "the broker has not said whether it got them"
        rows.append(Moved(count=tally.unknown, outcome="unknown", queue=address, reason=why))
    if not rows:
        return
    print_moves(rows, console.writer, console.look, json=console.json)
    if console.verbose:
        for reason, stay in tally.stays.items():
            for message_id in stay.message_ids:
                console.talk.info(f"message {message_id or '(no id)'} stays: {reason}")
