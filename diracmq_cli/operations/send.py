"""Send: read messages, stamp them, publish them with confirms pipelined, and account for each one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.core.ports import Clock, Publisher, Source, Stop
from diracmq_cli.core.values import Text
from diracmq_cli.errors import BrokerLost, DataError, MQError, Partial, TemporaryFailure, Unroutable, UsageError
from diracmq_cli.operations.deadline import Deadline, soonest

CONFIRM_GRACE = 2.0
"""Seconds that a first SIGINT or SIGTERM leaves for confirms in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """What to do: ``exchange`` to publish to; ``timeout`` for all of it, ``stall`` for a silence of the broker while
    something waits for it (both in seconds, None for no limit)."""

    exchange: str
    destination: str
    timeout: float | None = None
    stall: float | None = 30.0


@dataclass(slots=True)
class SendSummary:
    """How many messages came to what. ``failure`` is the first reason a message was not confirmed."""

    sent: int = 0
    confirmed: int = 0
    returned: int = 0
    nacked: int = 0
    unknown: int = 0
    failure: str | None = field(default=None, repr=False)

    def count(self, receipt: Receipt) -> None:
        """Account for one receipt."""
        match receipt.outcome:
            case Outcome.CONFIRMED:
                self.confirmed += 1
            case Outcome.RETURNED:
                self.returned += 1
            case Outcome.NACKED:
                self.nacked += 1
            case Outcome.UNKNOWN:
                self.unknown += 1
        if receipt.outcome is not Outcome.CONFIRMED and self.failure is None:
            self.failure = receipt.reason

    def text(self) -> str:
        """One line of figures, leaving out what did not occur."""
        parts = [f"{self.sent} sent", f"{self.confirmed} confirmed"]
        parts += [
            f"{count} {name}"
            for name, count in (
                ("returned", self.returned),
                ("nacked", self.nacked),
                ("of unknown fate", self.unknown),
            )
            if count
        ]
        return ", ".join(parts)

    def check(self, destination: str) -> None:
        """Raise what these figures amount to; return when every message was confirmed.

        Raises:
            Unroutable, TemporaryFailure: nothing was confirmed, for that reason.
            Partial: some were confirmed and some were not.
        """
        if self.confirmed == self.sent:
            return
        why = f": {self.failure}" if self.failure else ""
        if self.confirmed:
            raise Partial(f"{destination} did not take everything ({self.text()}){why}")
        if self.returned and not self.nacked and not self.unknown:
            raise Unroutable(
                f"{destination} is bound to no queue for this routing key, so the broker returned the message{why}",
                hint="check --routing-key and the queue's Bindings in the CS",
            )
        if self.nacked:
            raise TemporaryFailure(f"{destination} refused the message{why or ': the queue is full or failing'}")
        raise TemporaryFailure(f"the fate of the message to {destination} is unknown{why}")


def send(
    source: Source,
    publisher: Publisher,
    prepare: Callable[[Message], Message],
    request: SendRequest,
    *,
    summary: SendSummary,
    on_receipts: Callable[[Sequence[Receipt]], None],
    on_blocked: Callable[[str | None], None],
    clock: Clock,
    stop: Stop,
) -> None:
    """Publish everything that ``source`` gives, until its end or until a stop is asked for.

    ``summary`` is filled as receipts come, so that it tells the truth also when this raises.

    Args:
        prepare: makes the message that is published (routing key, headers, stamp).
        on_receipts: told of each batch of receipts; in the end there has been one for every message, if only to say
            that its fate is unknown.
        on_blocked: told when the broker begins to block us (its reason) and when it lets us go on (None).

    Raises:
        TemporaryFailure: the time is up and the broker has not answered; what is in flight has an unknown fate.
        MQError: whatever source and publisher raise.
    """
    whole = Deadline(clock, request.timeout)
    stall = Deadline(clock, request.stall)
    account = _Account(summary, on_receipts)
    waiting: deque[Message] = deque()
    ended = False
    bad: MQError | None = None
    blocked: str | None = None
    try:
        while not stop.requested:
            try:
                while waiting and publisher.ready:
                    message = prepare(waiting.popleft())
                    account.open(publisher.publish(request.exchange, message), message.properties.message_id)
                if not waiting and not ended:
                    batch = source.read()
                    ended = batch is None
                    waiting.extend(batch or ())
                    if ended or (batch and publisher.ready):
                        continue
            except (DataError, UsageError) as error:  # of the input: what stood before it is still to be confirmed
                bad, ended = error, True
                waiting.clear()
            if ended and not waiting and not publisher.in_flight:
                break
            idle = not waiting and not publisher.in_flight
            if idle:
                stall.restart()
            receipts = publisher.turn(soonest(whole, stall), source.fileno() if not waiting and not ended else None)
            if receipts:
                stall.restart()
                account.settle(receipts)
            if publisher.blocked != blocked:
                blocked = publisher.blocked
                on_blocked(blocked)
            if whole.over or (stall.over and not idle):
                raise TemporaryFailure(_why_late(publisher, request), hint="try again, or give it a longer --timeout")
        _await_confirms(publisher, account, Deadline(clock, CONFIRM_GRACE))
        account.give_up("the sender was stopped before the broker had answered")
        if bad is not None:
            raise bad
    except MQError as error:
        account.give_up(str(error))
        raise


class _Account:
    """Every message that was published, until it is known what became of it."""

    def __init__(self, summary: SendSummary, on_receipts: Callable[[Sequence[Receipt]], None]) -> None:
        self._summary, self._on_receipts = summary, on_receipts
        self._open: dict[int, Text | None] = {}

    def open(self, sequence: int, message_id: Text | None) -> None:
        """A message has been published."""
        self._summary.sent += 1
        self._open[sequence] = message_id

    def settle(self, receipts: Sequence[Receipt]) -> None:
        """The broker's word has come on these."""
        for receipt in receipts:
            self._open.pop(receipt.sequence, None)
            self._summary.count(receipt)
        self._on_receipts(receipts)

    def give_up(self, reason: str) -> None:
        """Nothing more will be heard."""
        if self._open:
            self.settle(
                [
                    Receipt(sequence=sequence, message_id=str(message_id or ""), outcome=Outcome.UNKNOWN, reason=reason)
                    for sequence, message_id in self._open.items()
                ]
            )


def _await_confirms(publisher: Publisher, account: _Account, grace: Deadline) -> None:
    while publisher.in_flight and not grace.over:
        try:
            account.settle(publisher.turn(grace.left))
        except BrokerLost:
            break


def _why_late(publisher: Publisher, request: SendRequest) -> str:
    if publisher.blocked is not None:
        return f"the broker blocks publishers ({publisher.blocked})"
    if publisher.in_flight:
        return f"{request.destination} confirmed nothing in time; {publisher.in_flight} in flight may have arrived"
    return "the time is up before the end of the input"
