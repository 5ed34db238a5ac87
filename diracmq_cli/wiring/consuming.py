"""Consume, wired: printed, saved, or handed to a command."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.core.message import Delivery, Handled, Settlement
from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.ports import Receiver, Sink
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, UsageError
from diracmq_cli.operations.consume import consume
from diracmq_cli.operations.handle import HandleRequest, HandleSummary, OnFail, handle
from diracmq_cli.operations.reading import Judge, Limits
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.judging import judge_for
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.sinks import printing_sink

CONNECT_TIMEOUT = 30.0
"""Seconds to reach the broker, for commands that then run until told."""

PREFETCH = 200
"""Messages unsettled at a time when they are printed or saved."""

BROKER_CONSUMER_TIMEOUT = 1800.0
"""Seconds after which RabbitMQ closes the channel of a consumer that has not settled a delivery, by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeOptions:
    """The flags of ``consume``. ``command`` is an argument vector, a string for ``/bin/sh -c``, or None."""

    queue: str
    limits: Limits
    template: str | None = None
    save: str | None = None
    command: tuple[str, ...] | str | None = None
    on_fail: OnFail = OnFail.STOP
    command_timeout: float | None = None

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UsageError: they do.
        """
        if self.command is not None and (self.save is not None or self.template is not None):
            raise UsageError("a command takes the messages: no --save or --format beside it")
        if self.save is not None and self.template is not None:
            raise UsageError("--save and --format exclude each other")


def run_consume(setup: Setup, options: ConsumeOptions, console: Console) -> None:
    """Take messages as the options ask.

    Raises:
        MQError: what went wrong; what was not safely taken is back in the queue.
    """
    started = time.monotonic()
    options.check()
    target = setup.target(options.queue)
    queue = target.queue
    _refuse_unsuitable(queue, options)
    take = _taker(queue, options, console, judge_for(queue, setup))
    limits = options.limits
    session = setup.open(
        target.service, timeout=_at_most(limits.timeout, CONNECT_TIMEOUT), wake_fd=console.stop.wake_fd
    )
    try:
        # One command runs at a time: what waited behind it would use up the broker's patience, and be nobody else's.
        prefetch = PREFETCH if options.command is None else 1
        receiver = session.consumer(queue, limit=limits.count, prefetch=prefetch)
        taken = take(receiver, limits.after(time.monotonic() - started))
    finally:
        session.close()
    if not console.stop.requested:
        limits.check(taken, str(queue.address))


Taker = Callable[[Receiver, Limits], int]


def _taker(queue: QueueSpec, options: ConsumeOptions, console: Console, judge: Judge) -> Taker:
    """What to do with a receiver; flags, template and directory are checked before anything is taken."""
    if options.command is not None:
        return _handler(queue, options, console, judge)
    sink = _sink(options, console)

    def take(receiver: Receiver, limits: Limits) -> int:
        taken = consume(receiver, sink, judge, limits, clock=time.monotonic, stop=console.stop)
        if options.save is not None or console.verbose:
            where = "" if options.save is None else f", saved in {options.save}"
            console.talk.info(f"{queue.address}: {taken} taken{where}")
        return taken

    return take


def _handler(queue: QueueSpec, options: ConsumeOptions, console: Console, judge: Judge) -> Taker:
    from diracmq_cli.output.child import Launcher

    launcher = Launcher(options.command or ())
    request = HandleRequest(
        queue=str(queue.address),
        on_fail=options.on_fail,
        command_timeout=options.command_timeout,
        can_dead_letter=queue.dead_letter_queue is not None,
    )
    summary = HandleSummary()

    def tell(delivery: Delivery, settlement: Settlement, handled: Handled) -> None:
        summary.count(settlement)
        if settlement is not Settlement.ACK:
            console.talk.warning(f"message {delivery.message.properties.message_id}: {handled.detail}")

    def take(receiver: Receiver, limits: Limits) -> int:
        try:
            return handle(
                receiver, launcher, judge, limits, request, on_handled=tell, clock=time.monotonic, stop=console.stop
            )
        finally:
            console.talk.info(f"{queue.address}: {summary.text()}")

    return take


def _sink(options: ConsumeOptions, console: Console) -> Sink:
    if options.save is None:
        return printing_sink(console, options.template)
    from diracmq_cli.output.save import SaveSink

    return SaveSink(Path(options.save))


def _refuse_unsuitable(queue: QueueSpec, options: ConsumeOptions) -> None:
    if queue.type is QueueType.STREAM:
        raise UsageError(
            f"{queue.address} is a stream: reading takes nothing from it",
            hint=f"dirac-mq tail {queue.address} --last 10",
        )
    if options.on_fail is OnFail.DEAD and queue.dead_letter_queue is None:
        raise ConfigError(
            f"{queue.address} has no dead-letter queue, so --on-fail dead would destroy messages ({queue.source})",
            hint="give the queue a DeadLetterQueue in the CS",
        )
    limit = queue.consumer_timeout or BROKER_CONSUMER_TIMEOUT
    if options.command_timeout is not None and options.command_timeout > limit:
        raise UsageError(
            f"--cmd-timeout is longer than the {format_duration(limit)} that the broker waits for an acknowledgement",
            hint=f"set ConsumerTimeout of {queue.address} in the CS and on the broker, or shorten --cmd-timeout",
        )


def _at_most(limit: float | None, default: float) -> float:
    return default if limit is None else min(limit, default)
