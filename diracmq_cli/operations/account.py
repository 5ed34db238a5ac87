"""What became of each message of a run: figures for people, receipts for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

from diracmq_cli.core.batch import said_lines
from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import OutputError, Partial, TemporaryFailure, Unroutable


@dataclass(slots=True)
class SendSummary:
    """How many messages came to what; ``sent`` is the sum of the others once everything has ended.

    ``lines`` and ``confirmed_lines`` are what those hold that are batches. ``earlier`` are confirmed entries that
    earlier runs had left in the spool. ``dropped`` were read and are in no other figure: they were over what a run may
    send. ``failure`` is the first reason why a message was not confirmed.
    """

    sent: int = 0
    confirmed: int = 0
    returned: int = 0
    nacked: int = 0
    unknown: int = 0
    spooled: int = 0
    lost: int = 0
    earlier: int = 0
    dropped: int = 0
    lines: int = 0
    confirmed_lines: int = 0
    failure: str | None = field(default=None, repr=False)

    def send(self, messages: Iterable[Message]) -> None:
        """Account for messages that are under way, to the broker or to the disk."""
        for message in messages:
            self.sent += 1
            self.lines += said_lines(message.headers) or 0

    def unsend(self, message: Message) -> None:
        """One of them is none that can be sent."""
        self.sent -= 1
        self.lines -= said_lines(message.headers) or 0

    def count(self, receipt: Receipt) -> None:
        """Account for what became of one."""
        name = receipt.outcome.value
        setattr(self, name, getattr(self, name) + 1)
        if receipt.outcome is Outcome.CONFIRMED:
            self.confirmed_lines += receipt.lines or 0
        elif self.failure is None:
            self.failure = receipt.reason

    def text(self) -> str:
        """One line of figures, leaving out what did not occur."""
        parts = [
            f"{self.sent} sent{_holding(self.lines)}",
            f"{self.confirmed} confirmed{_holding(self.confirmed_lines)}",
        ]
        named = (
            (self.returned, "returned"),
            (self.nacked, "nacked"),
            (self.unknown, "of unknown fate"),
            (self.spooled, "spooled"),
            (self.lost, "lost"),
            (self.dropped, "dropped"),
        )
        parts += [f"{count} {name}" for count, name in named if count]
        if self.earlier:
            parts.append(f"{self.earlier} of earlier runs confirmed")
        return ", ".join(parts)

    def check(self, destination: str) -> None:
        """Raise what these figures amount to; return when every message was confirmed or is in the spool.

        Raises:
            Unroutable, TemporaryFailure: nothing was confirmed, for that reason.
            Partial: some were confirmed and some were not.
        """
        if self.confirmed + self.spooled == self.sent:
            self.check_dropped()
            return
        why = f": {self.failure}" if self.failure else ""
        if self.confirmed or self.spooled:
            raise Partial(f"{destination} did not take everything ({self.text()}){why}")
        if self.returned and not self.nacked and not self.unknown:
            raise Unroutable(
                f"{destination} is bound to no queue for this routing key, so the broker returned the message{why}",
                hint="check --routing-key and the queue's Bindings in the CS",
            )
        if self.nacked:
            raise TemporaryFailure(f"{destination} refused the message{why or ': the queue is full or failing'}")
        raise TemporaryFailure(f"the fate of the message to {destination} is unknown{why}")

    def check_dropped(self) -> None:
        """Return when all of the input went.

        Raises:
            Partial: some of it was dropped.
        """
        if self.dropped:
            raise Partial(f"{self.dropped} dropped: over what --max-bytes lets one run send")


class Account:
    """Every message of a run, until it is known what became of it.

    Args:
        summary: kept up to date, so that it tells the truth also when the run fails.
        on_receipts: told of each batch; in the end there has been one receipt for every message at least.
        on_refused: given what the broker returned or nacked and the spool does not keep; None if nobody wants it.
        patient: go on when one of these fails, and only remember it in ``broken``.

    Whoever failed once is not called again.
    """

    def __init__(
        self,
        summary: SendSummary,
        on_receipts: Callable[[Sequence[Receipt]], None],
        on_refused: Callable[[Message, Receipt], None] | None,
        *,
        patient: bool = False,
    ) -> None:
        self.summary = summary
        self.broken: OutputError | BrokenPipeError | None = None
        self._patient = patient
        self._on_receipts, self._on_refused = on_receipts, on_refused
        self._in_flight: dict[int, Message] = {}

    @property
    def keeps_refused(self) -> bool:
        """Whether what the broker returns is kept outside the spool."""
        return self._on_refused is not None

    @property
    def in_flight(self) -> int:
        """Messages published and not yet settled, those from the spool aside."""
        return len(self._in_flight)

    def published(self, sequence: int, message: Message) -> None:
        """A message is under way."""
        self._in_flight[sequence] = message

    def take(self, receipts: Sequence[Receipt]) -> list[tuple[Message, Receipt]]:
        """The messages that these receipts are about: they are no longer in flight."""
        known = [receipt for receipt in receipts if receipt.sequence in self._in_flight]
        return [(self._in_flight.pop(receipt.sequence), receipt) for receipt in known]

    def take_back(self) -> list[Message]:
        """Everything in flight, in its order: the connection is gone."""
        messages = list(self._in_flight.values())
        self._in_flight.clear()
        return messages

    def settle(self, settled: Iterable[tuple[Message, Receipt]]) -> None:
        """The broker's word is the last one on these messages."""
        receipts = []
        for message, receipt in settled:
            receipts.append(receipt)
            if self._on_refused is not None and receipt.outcome in (Outcome.RETURNED, Outcome.NACKED):
                self._call(partial(self._on_refused, message, receipt))
        self.tell(receipts)

    def tell(self, receipts: Sequence[Receipt]) -> None:
        """Count receipts and hand them on."""
        for receipt in receipts:
            self.summary.count(receipt)
        self._hand_on(receipts)

    def give_up(self, messages: Iterable[Message], outcome: Outcome, reason: str | None) -> None:
        """Nobody will say more of these."""
        self.tell([receipt_of(message, outcome, reason) for message in messages])

    def from_spool(self, receipts: Sequence[Receipt], *, ours: bool) -> None:
        """The broker's word on entries of the spool; what it did not confirm stays there."""
        confirmed = [receipt for receipt in receipts if receipt.outcome is Outcome.CONFIRMED]
        if ours:
            self.summary.spooled -= len(confirmed)
            for receipt in confirmed:
                self.summary.count(receipt)
        else:
            self.summary.earlier += len(confirmed)
        self._hand_on(confirmed)

    def _hand_on(self, receipts: Sequence[Receipt]) -> None:
        if receipts:
            self._call(partial(self._on_receipts, receipts))

    def _call(self, call: Callable[[], None]) -> None:
        if self.broken is not None:
            return
        try:
            call()
        except (OutputError, BrokenPipeError) as error:
            self.broken = error
            if not self._patient:
                raise


def receipt_of(message: Message, outcome: Outcome, reason: str | None = None) -> Receipt:
    """A receipt for a message that no publisher has, or has any more."""
    return Receipt(
        sequence=0,
        message_id=str(message.properties.message_id or ""),
        outcome=outcome,
        reason=reason,
        lines=said_lines(message.headers),
    )


def _holding(lines: int) -> str:
    if not lines:
        return ""
    return " (1 line)" if lines == 1 else f" ({lines} lines)"
