"""Consume, wired: printed, saved, or handed to a command."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery, Handled, Settlement
from diracmq_cli.core.model import QueueSpec, QueueType
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, UsageError
from diracmq_cli.operations.handle import HandleRequest, HandleSummary, Handling, OnFail
from diracmq_cli.operations.reading import Limits, Reading
from diracmq_cli.operations.refusing import OnUntrusted, Refusals
from diracmq_cli.wiring.acceptance import TrustOptions
from diracmq_cli.wiring.reconnecting import OUTAGE, OUTAGE_OF_MANY, check_outage
from diracmq_cli.wiring.sinks import line_by_line, printing_sink
from diracmq_cli.wiring.taking import directory_sink, take

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Sink
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.operations.stints import Around
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.taking import Tell

BROKER_CONSUMER_TIMEOUT = 1800.0
"""Seconds after which RabbitMQ closes the channel of a consumer that has not settled a delivery, by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumeOptions:
    """The flags of ``consume``.

    ``command`` is an argument vector, a string for ``/bin/sh -c``, or None. ``on_untrusted`` is None where it follows
    from the queue, ``reject_to`` a directory for what is refused.
    """

    queue: str
    limits: Limits
    template: str | None = None
    unbatch: bool = False
    save: str | None = None
    command: tuple[str, ...] | str | None = None
    on_fail: OnFail = OnFail.STOP
    command_timeout: float | None = None
    jobs: int = 1
    trust: TrustOptions = field(default_factory=TrustOptions)
    on_untrusted: OnUntrusted | None = None
    reject_to: str | None = None
    once: bool = False
    outage: float | None = None

    @property
    def longest_outage(self) -> float:
        """Seconds that one loss of the broker may last."""
        to_an_end = self.limits.count is not None or self.limits.until_empty
        return self.outage or (OUTAGE if to_an_end else OUTAGE_OF_MANY)

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UsageError: they do.
        """
        if self.command is not None and (self.save is not None or self.template is not None):
            raise UsageError("a command takes the messages: no --save or --format beside it")
        if self.command is not None and self.unbatch:
            raise UsageError("a command takes whole messages: no --unbatch beside it")
        if self.command is None and self.jobs > 1:
            raise UsageError("--jobs is how many commands run at a time, and there is no command")
        if self.save is not None and self.template is not None:
            raise UsageError("--save and --format exclude each other")
        check_outage(self.outage)
        if self.on_untrusted is OnUntrusted.KEEP and self.limits.endless:
            raise UsageError(
                "--on-untrusted keep holds messages to the end, and there is none",
                hint="add --drain, -n, --timeout or --idle",
            )

    def action(self, queue: QueueSpec) -> OnUntrusted:
        """What happens to messages whose origin is not good enough: given up where that destroys nothing."""
        if self.on_untrusted is not None:
            return self.on_untrusted
        return OnUntrusted.DEAD if self._can_give_up(queue) else OnUntrusted.STOP

    def check_for(self, queue: QueueSpec) -> None:
        """Refuse flags that do not go with the queue.

        Raises:
            UsageError, ConfigError: they do not.
        """
        if queue.type is QueueType.STREAM:
            raise UsageError(
                f"{queue.address} is a stream: reading takes nothing from it",
                hint=f"dirac-mq tail {queue.address} --last 10",
            )
        if not self._can_give_up(queue):
            self._refuse_to_destroy(queue)
        limit = queue.consumer_timeout or BROKER_CONSUMER_TIMEOUT
        if self.command_timeout is not None and self.command_timeout > limit:
            raise UsageError(
                f"--cmd-timeout is longer than the {format_duration(limit)} that the broker waits for an "
                "acknowledgement",
                hint=f"set ConsumerTimeout of {queue.address} in the CS and on the broker, or shorten --cmd-timeout",
            )

    @property
    def given_up(self) -> str:
        """What becomes of a message that is given up, in words."""
        return "dead-lettered" if self.reject_to is None else f"put into {self.reject_to}"

    def _can_give_up(self, queue: QueueSpec) -> bool:
        return self.reject_to is not None or queue.dead_letter_queue is not None

    def _refuse_to_destroy(self, queue: QueueSpec) -> None:
        for flag, asked in (
            ("--on-fail dead", self.on_fail is OnFail.DEAD),
            ("--on-untrusted dead", self.on_untrusted is OnUntrusted.DEAD),
        ):
            if asked:
                raise ConfigError(
                    f"{queue.address} has no dead-letter queue, so {flag} would destroy messages ({queue.source})",
                    hint="give the queue a DeadLetterQueue in the CS, or name a directory with --reject-to",
                )


def run_consume(setup: Setup, options: ConsumeOptions, console: Console) -> None:
    """Take messages as the options ask.

    Raises:
        MQError: what went wrong; what was not safely taken is back in the queue.
    """
    options.check()
    target = setup.target(options.queue)
    options.check_for(target.queue)
    taken = take(setup, target, options, console, partial(_work, target.queue, options, console))
    if not console.stop.requested:
        options.limits.check(taken.count, str(target.queue.address), taken.refused)


def _work(
    queue: QueueSpec, options: ConsumeOptions, console: Console, screen: Screen, refusals: Refusals, around: Around
) -> tuple[Reading | Handling, Tell]:
    """What is done with messages; flags, template and directory are checked before anything is taken."""
    if options.command is not None:
        return _handling(queue, options, console, screen, refusals, around)
    reading = Reading(_sink(options, console), screen, options.limits, around, refusals=refusals)

    def tell() -> None:
        if options.save is not None or console.verbose:
            where = "" if options.save is None else f", saved in {options.save}"
            console.talk.info(f"{queue.address}: {reading.taken} taken{where}")

    return reading, tell


def _handling(
    queue: QueueSpec, options: ConsumeOptions, console: Console, screen: Screen, refusals: Refusals, around: Around
) -> tuple[Handling, Tell]:
    from diracmq_cli.output.child import Launcher

    request = HandleRequest(
        queue=str(queue.address),
        jobs=options.jobs,
        on_fail=options.on_fail,
        command_timeout=options.command_timeout,
    )
    summary = HandleSummary()

    def count(delivery: Delivery, settlement: Settlement, handled: Handled) -> None:
        summary.count(settlement)
        if settlement is not Settlement.ACK:
            console.talk.warning(f"message {delivery.message.properties.message_id}: {handled.detail}")

    def tell() -> None:
        console.talk.info(f"{queue.address}: {summary.text(options.given_up)}")

    launcher = Launcher(options.command or ())
    return Handling(launcher, screen, options.limits, request, refusals, around, on_handled=count), tell


def _sink(options: ConsumeOptions, console: Console) -> Sink:
    sink = printing_sink(console, options.template) if options.save is None else directory_sink(options.save)
    return line_by_line(sink, console) if options.unbatch else sink
