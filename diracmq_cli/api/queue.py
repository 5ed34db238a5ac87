"""One queue (or exchange) of the configuration, as a program uses it."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.api.outbox import OnReceipt, Outbox
from diracmq_cli.api.owner import Owner
from diracmq_cli.api.surroundings import console_of
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.handle import HandleSummary, OnFail
from diracmq_cli.operations.reading import Limits
from diracmq_cli.wiring.signals import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from types import TracebackType

    from diracmq_cli.api.message import Message, Peeked
    from diracmq_cli.api.outgoing import Outgoing
    from diracmq_cli.api.reading import Reading
    from diracmq_cli.core.message import Receipt
    from diracmq_cli.core.model import QueueState
    from diracmq_cli.operations.account import SendSummary
    from diracmq_cli.operations.refusing import OnUntrusted
    from diracmq_cli.wiring.acceptance import TrustOptions
    from diracmq_cli.wiring.sendoptions import SendOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

QUICK = 10.0
"""Seconds for what only looks: ``peek`` and ``status``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """What every reading of a queue has in common; ``outage`` is in seconds, None for the commands' own."""

    trust: TrustOptions
    outage: float | None


class Queue:
    """What ``open_queue`` gives: publishes, takes, looks, and tells how the queue is.

    It belongs to the thread that opened it (``UsageError`` for any other), except ``stop`` and ``close``, which a
    signal handler may call too. Connections are made when they are first needed, one for publishing and one for
    taking, and are served by threads of their own: however long the program does something else, heartbeats go on.
    """

    def __init__(self, setup: Setup, target: Target, sending: SendOptions, taking: Taking) -> None:
        self._setup, self._target, self._taking = setup, target, taking
        self._owner = Owner(str(target.spec.address))
        self._outbox = Outbox(setup, target, sending)
        self._reading: Reading | None = None
        self._looking: StopFlag | None = None
        self._stopped = self._closed = self._waiting = False

    @property
    def address(self) -> str:
        """Its address in the configuration: ``service::Queues::name``, or ``System/Queue``."""
        return str(self._target.spec.address)

    # -- out -------------------------------------------------------------------------------------------------------

    def publish(self, message: bytes | str | Outgoing) -> Receipt:
        """Publish one message, and wait until the broker has confirmed it; ``outage`` bounds that wait.

        Returns:
            Its id and outcome: ``CONFIRMED``, or, with a spool, ``SPOOLED``.

        Raises:
            DataError: the message is none that a broker would take.
            Unroutable: no queue took it (basic.return).
            TemporaryFailure: the broker refused it (basic.nack), or blocks us, or its fate is unknown.
            OutputError: neither broker nor spool took it.
            MQError: there is no connection, for that reason.
        """
        receipts: list[Receipt] = []
        self.publish_many([message], on_receipt=receipts.append)
        return receipts[0]

    def publish_many(
        self, messages: Iterable[bytes | str | Outgoing], *, on_receipt: OnReceipt | None = None
    ) -> SendSummary:
        """Publish messages with confirms pipelined; returns the figures when the fate of each is known.

        ``messages`` is read as fast as the broker takes them. ``on_receipt`` is told of each, not always in their
        order.

        Raises:
            Partial: some were confirmed and some were not.
            MQError: as ``publish``; what ``on_receipt`` was not told of has an unknown fate, or was not sent.
        """
        self._check()
        summary = self._outbox.publish(messages, on_receipt)
        self._outbox.check(summary)
        return summary

    # -- in --------------------------------------------------------------------------------------------------------

    def messages(
        self,
        *,
        count: int | None = None,
        timeout: float | None = None,
        idle: float | None = None,
        drain: bool = False,
        prefetch: int = 1,
        auto_ack: bool = False,
        on_untrusted: OnUntrusted | None = None,
        reject_to: str | None = None,
        once: bool = False,
    ) -> Generator[Message, None, None]:
        """Take messages one by one: ``for message in queue.messages(): …; message.ack()``.

        It ends after ``count`` messages, ``timeout`` seconds in all, ``idle`` seconds of silence, with ``drain`` when
        the queue is empty, or after ``stop``; without any of these it goes on, and reconnects, for ever. What is in
        hand when it ends, or is abandoned (``break``, an exception, ``close``), and was not settled, goes back.

        Args:
            prefetch: messages taken from the queue at a time, the one in hand and those that wait here behind it.
            auto_ack: settle each message by asking for the next one: a loop that ends early puts it back.
            on_untrusted: what becomes of messages whose origin is not good enough (``open_queue``'s ``trust``, and
                what the CS asks); by default they are given up where that destroys nothing, else it is the end.
            reject_to: a directory for what is rejected, instead of the dead-letter queue.
            once: drop repeats of signed messages, also those of earlier runs; the CS's ``Origin = signed`` implies it.

        Raises:
            UsageError, ConfigError: the queue cannot be read like that (a stream; an exchange; nowhere to reject to).
            DataError: a message is not accepted, and ``on_untrusted`` says stop.
            MQError: no first connection; the queue is gone; we may not read it.
        """
        limits = Limits(count=count, timeout=timeout, idle=idle, until_empty=drain)
        reading = self._read(limits, prefetch, OnFail.REQUEUE, on_untrusted, reject_to, once)
        return self._taken(reading, auto_ack=auto_ack)

    def consume(
        self,
        callback: Callable[[Message], object],
        *,
        count: int | None = None,
        timeout: float | None = None,
        idle: float | None = None,
        drain: bool = False,
        prefetch: int = 1,
        on_fail: OnFail = OnFail.STOP,
        on_untrusted: OnUntrusted | None = None,
        reject_to: str | None = None,
        once: bool = False,
    ) -> HandleSummary:
        """Call ``callback`` with each message; when it returns, the message is acknowledged unless it was settled.

        When it raises, ``on_fail`` says what happens: ``STOP`` puts the message back and raises that exception here,
        ``REQUEUE`` puts it back and goes on (after a pause that grows), ``DEAD`` rejects it and goes on. What is not an
        ``Exception`` (KeyboardInterrupt) always stops. The other arguments are those of ``messages``.

        Returns:
            How many were settled in which way.

        Raises:
            MQError: as ``messages``.
        """
        limits = Limits(count=count, timeout=timeout, idle=idle, until_empty=drain)
        reading = self._read(limits, prefetch, on_fail, on_untrusted, reject_to, once)
        with closing(self._taken(reading, auto_ack=True)) as messages:
            for message in messages:
                try:
                    callback(message)
                except Exception as error:
                    if on_fail is OnFail.STOP:
                        raise
                    if not message.settled and not reading.over:
                        message.fail(type(error).__name__)
        return reading.summary

    def peek(self, count: int = 10, *, timeout: float = QUICK, force: bool = False) -> list[Peeked]:
        """Look at the next messages: all are back in the queue, in order, when this returns.

        Messages whose origin is not good enough are left out.

        Args:
            force: look even where every look counts against a quorum queue's low or unknown DeliveryLimit.

        Raises:
            ConfigError: such a queue, without ``force``.
            MQError: as ``messages``.
        """
        from diracmq_cli.api.looking import peek

        with self._look() as stop:
            console = console_of(stop)
            return peek(
                self._setup, self._target, self._taking.trust, console, count=count, timeout=timeout, force=force
            )

    def status(self, *, timeout: float = QUICK) -> QueueState:
        """How many messages are ready and how many consumers there are, or why that cannot be seen.

        Raises:
            MQError: the broker cannot be asked.
        """
        from diracmq_cli.api.looking import status

        with self._look() as stop:
            return status(self._setup, self._target, stop, timeout=timeout)

    # -- life ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Take nothing more: what is in hand can be settled, then the loop ends. For signal handlers, above all."""
        self._stopped = True
        if self._reading is not None:
            self._reading.stop()

    def close(self) -> None:
        """End everything; what is not settled goes back, what is not confirmed has two seconds left. Never raises.

        A signal handler may call it whatever goes on, and another thread: what is interrupted by that ends by itself,
        within seconds.
        """
        self._closed = True
        if not self._owner.same_process:
            return  # the connections are our parent's
        if self._looking is not None:
            self._looking.ask()
        if self._waiting or not self._owner.same_thread:
            if self._reading is not None:
                self._reading.cancel()
            self._outbox.stop()
            return
        if self._reading is not None:
            self._reading.close()
        self._outbox.close()

    def __enter__(self) -> Queue:
        self._check()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _check(self) -> None:
        self._owner.check()
        if self._closed:
            raise UsageError(f"{self.address} is closed")

    def _read(
        self,
        limits: Limits,
        prefetch: int,
        on_fail: OnFail,
        on_untrusted: OnUntrusted | None,
        reject_to: str | None,
        once: bool,
    ) -> Reading:
        from diracmq_cli.api.reading import Reading
        from diracmq_cli.wiring.consuming import ConsumeOptions

        self._check()
        if self._reading is not None and not self._reading.over:
            raise UsageError(f"{self.address} is being read already", hint="open the queue twice")
        options = ConsumeOptions(
            queue=self.address,
            limits=limits,
            command=(),
            on_fail=on_fail,
            jobs=prefetch,
            trust=self._taking.trust,
            outage=self._taking.outage,
            on_untrusted=on_untrusted,
            reject_to=reject_to,
            once=once,
        )
        reading = Reading(self._setup, self._target, options)
        self._reading = reading
        if self._stopped:
            reading.stop()
        return reading

    def _taken(self, reading: Reading, *, auto_ack: bool) -> Generator[Message, None, None]:
        try:
            while (message := self._next(reading)) is not None:
                yield message
                self._owner.check()
                if auto_ack and not message.settled and not reading.over:
                    message.ack()
        finally:
            if self._owner.same_process:
                reading.close()

    def _next(self, reading: Reading) -> Message | None:
        self._waiting = True
        try:
            return reading.next()
        finally:
            self._waiting = False

    @contextmanager
    def _look(self) -> Iterator[StopFlag]:
        self._check()
        stop = self._looking = StopFlag()
        try:
            yield stop
        finally:
            self._looking = None
            stop.close()
