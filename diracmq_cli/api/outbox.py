"""Publishing as a program sees it: hand over messages, and wait until each one's fate is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from diracmq_cli.api.outgoing import Outgoing, as_message
from diracmq_cli.api.sender import Ended, Sender
from diracmq_cli.core.message import Message, Outcome, Receipt
from diracmq_cli.errors import OutputError, UsageError
from diracmq_cli.operations.account import SendSummary

if TYPE_CHECKING:
    from diracmq_cli.wiring.sendoptions import SendOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

WINDOW = 2000
WINDOW_OCTETS = 16 * 1024 * 1024
"""Messages and octets handed over and not yet answered, at most; one message larger than that goes alone."""

OnReceipt = Callable[[Receipt], None]


class Outbox:
    """Publishes to one destination, through one sender at a time, begun with the first message and after a failure."""

    def __init__(self, setup: Setup, target: Target, options: SendOptions) -> None:
        self._setup, self._target, self._options = setup, target, options
        self._sender: Sender | None = None
        self._pending: dict[str, int] = {}
        self._octets = 0
        self._busy = False
        self._closing = False

    def publish(self, messages: Iterable[bytes | str | Outgoing], on_receipt: OnReceipt | None) -> SendSummary:
        """Publish messages, many of them in flight at a time; returns when the fate of each is known.

        Raises:
            UsageError: it is called while it is at work.
            MQError: it ended before that; what ``on_receipt`` was not told of has an unknown fate, or was not sent.
        """
        summary = SendSummary()

        def settle(receipt: Receipt) -> None:
            summary.count(receipt)
            if on_receipt is not None:
                on_receipt(receipt)

        with self._at_work():
            try:
                for message in map(as_message, messages):
                    while self._pending and not self._has_room_for(message):
                        self._settle_one(settle)
                    self._hand_over(message)
                    summary.sent += 1
                    self._settle_what_is_here(settle)
            except Exception:  # of who gives the messages, perhaps: what stood before is sent
                self._settle_rest(settle)
                raise
            self._settle_rest(settle)
        return summary

    def check(self, summary: SendSummary) -> None:
        """Raise what these figures amount to, as ``dirac-mq send`` would end.

        Raises:
            Unroutable, TemporaryFailure, Partial: see ``SendSummary.check``.
            OutputError: neither broker nor disk took something.
        """
        if summary.lost:
            raise OutputError(f"{summary.lost} of {summary.sent} messages are lost: {summary.failure}")
        summary.check(str(self._target.spec.address))

    def stop(self) -> None:
        """Ask for the end of what is at work. May be called from a signal handler."""
        self._closing = True
        if self._sender is not None:
            self._sender.stop()

    def close(self) -> None:
        """End the sender; safe to call while it is at work further up the stack, which then ends within seconds."""
        self.stop()
        if not self._busy:
            self._drop()

    # -- inside ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        if self._busy:
            raise UsageError("publish() while the same queue is publishing", hint="open the queue twice")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
            self._forget()
            if self._closing:
                self._drop()

    def _has_room_for(self, message: Message) -> bool:
        return len(self._pending) < WINDOW and self._octets + message.size <= WINDOW_OCTETS

    def _hand_over(self, message: Message) -> None:
        message_id = str(message.properties.message_id)
        if message_id in self._pending:
            raise UsageError(f"a message with the id {message_id} is under way already")
        if self._closing:
            raise UsageError(f"{self._target.spec.address} is closed")
        sender = self._living_sender()
        self._pending[message_id] = message.size
        self._octets += message.size
        sender.send(message)

    def _living_sender(self) -> Sender:
        """The sender; a new one where the last has given up while nobody was looking."""
        if self._sender is not None and self._sender.ended and not self._pending:
            self._drop()
        if self._sender is None:
            self._sender = Sender(self._setup, self._target, self._options)
            if self._closing:  # by a signal, meanwhile
                self._sender.stop()
        return self._sender

    def _settle_what_is_here(self, settle: OnReceipt) -> None:
        while self._sender is not None and (answer := self._sender.answer(wait=False)) is not None:
            self._settle(answer, settle)

    def _settle_rest(self, settle: OnReceipt) -> None:
        while self._pending:
            self._settle_one(settle)

    def _settle_one(self, settle: OnReceipt) -> None:
        answer = None if self._sender is None else self._sender.answer()
        if answer is not None:
            self._settle(answer, settle)

    def _settle(self, answer: Receipt | Ended, settle: OnReceipt) -> None:
        if isinstance(answer, Ended):
            self._forget()
            self._drop()
            raise answer.error
        if answer.outcome is Outcome.UNKNOWN or answer.message_id not in self._pending:
            return  # why it is unknown comes at the end; a receipt after the first one concerns nobody
        self._octets -= self._pending.pop(answer.message_id)
        settle(answer)

    def _forget(self) -> None:
        self._pending.clear()
        self._octets = 0

    def _drop(self) -> None:
        sender, self._sender = self._sender, None
        self._forget()
        if sender is not None:
            sender.close()
