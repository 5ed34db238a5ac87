"""What becomes of messages that their reader refuses: put into a directory, dead-lettered, held, or the end of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from diracmq_cli.errors import CredentialError, DataError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.ports import Receiver, Rejects
    from diracmq_cli.core.verdict import Verdict

MAX_HELD = 1000
"""Messages that are held back at most: nobody else sees them meanwhile, and they are in our memory and the broker's."""


class OnUntrusted(StrEnum):
    """What to do with a message whose origin is not good enough."""

    DEAD = "dead"
    KEEP = "keep"
    STOP = "stop"


class Refusals:
    """Deals with refused deliveries; none of them counts towards the limit of the receiver that brought it.

    Args:
        queue: for messages to people.
        on_untrusted: what to do with those whose origin is not good enough.
        rejects: takes what is given up; None leaves it to the queue's dead letters.
        dead_letters: whether the queue has any: without them, and without ``rejects``, nothing can be given up.

    Attributes:
        dealt_with: how many were given up or are held, by the code of the reason.
    """

    def __init__(
        self,
        queue: str,
        *,
        on_untrusted: OnUntrusted,
        rejects: Rejects | None,
        dead_letters: bool,
    ) -> None:
        self._queue = queue
        self._on_untrusted = on_untrusted
        self._rejects = rejects
        self.can_give_up = rejects is not None or dead_letters
        self.dealt_with: Counter[str] = Counter()
        self._held: Counter[str] = Counter()

    @property
    def held(self) -> int:
        """How many are held; their receiver puts them back."""
        return self._held.total()

    def refuse(self, receiver: Receiver, delivery: Delivery, verdict: Verdict, refused: Refused) -> bool:
        """Deal with a delivery whose origin is not good enough.

        Returns:
            Whether it is to be acknowledged after the next ``flush``; if not, it is settled already, or held.

        Raises:
            CredentialError: it cannot be judged here and now, which is not the message's fault, so that giving it up
                would be wrong whatever was asked for.
            DataError: it is the end, or too many are held.
            OutputError: it cannot be saved.
        """
        message_id = delivery.message.properties.message_id
        if refused.readers_own:
            raise CredentialError(
                f"message {message_id} cannot be judged ({refused.reason}) and is back in {self._queue}",
                hint="fetch-crl brings the CRLs of the CA directory up to date; --capath names another directory",
            )
        match self._on_untrusted:
            case OnUntrusted.DEAD:
                why = replace(verdict, reason=refused.reason, code=refused.code)
                to_be_acknowledged = self.give_up(receiver, delivery, why, refused)
            case OnUntrusted.KEEP:
                self._hold(refused.code)
                to_be_acknowledged = False
            case OnUntrusted.STOP:
                raise DataError(
                    f"message {message_id} is not accepted ({refused.reason}) and is back in {self._queue}",
                    hint="to go on without it: --reject-to DIR, or --on-untrusted keep",
                )
            case _:
                assert_never(self._on_untrusted)
        receiver.want_more()
        self.dealt_with[refused.code] += 1
        return to_be_acknowledged

    def give_up(self, receiver: Receiver, delivery: Delivery, verdict: Verdict, refused: Refused) -> bool:
        """Put a delivery where what is given up goes; returns as ``refuse``.

        Raises:
            OutputError: it cannot be saved.
        """
        if self._rejects is None:
            receiver.reject(delivery)
            return False
        self._rejects.write(delivery, verdict, refused)
        return True

    def flush(self) -> None:
        """Make durable what was saved, so that it may be acknowledged.

        Raises:
            OutputError: it cannot be saved.
        """
        if self._rejects is not None:
            self._rejects.flush()

    def forget_held(self) -> None:
        """It was put back, and comes again over another connection."""
        self.dealt_with -= self._held
        self._held.clear()

    def _hold(self, code: str) -> None:
        if self.held == MAX_HELD:
            raise DataError(
                f"more than {MAX_HELD} messages are not accepted: they are back in {self._queue}",
                hint="--reject-to DIR takes them out of the queue",
            )
        self._held[code] += 1
