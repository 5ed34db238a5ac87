"""Judge deliveries and say which may be handed on; what may not is counted, and never reaches a sink or a command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.policy import AcceptancePolicy, Refused
from diracmq_cli.core.verdict import Verdict

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Seen

Judge = Callable[[Delivery], Verdict]
OnRefused = Callable[[Delivery, Refused], None]


@dataclass(frozen=True, slots=True)
class Screened:
    """What is to be made of a delivery: handed on with ``verdict``, unless it was ``refused`` or is ``repeated``.

    ``in_hand`` when another copy of it is being handled: whether this is a repeat, its end will tell.
    """

    verdict: Verdict
    refused: Refused | None = None
    repeated: bool = False
    in_hand: bool = False

    @property
    def passes(self) -> bool:
        """Whether it may be handed on."""
        return self.refused is None and not self.repeated and not self.in_hand


class Screen:
    """Stands between a receiver and whatever takes its messages.

    Attributes:
        refused: how many were refused, by the code of the reason.
        repeated: how many were signed messages that had been taken before.
    """

    def __init__(
        self,
        judge: Judge,
        policy: AcceptancePolicy | None = None,
        seen: Seen | None = None,
        on_refused: OnRefused = lambda _delivery, _refused: None,
    ) -> None:
        """Without ``policy`` everything passes, whatever its verdict; without ``seen`` repeats pass."""
        self._judge = judge
        self._policy = policy
        self._seen = seen
        self._on_refused = on_refused
        self._taken: set[tuple[str, str]] = set()
        self._in_hand: set[tuple[str, str]] = set()
        self.refused: Counter[str] = Counter()
        self.repeated = 0

    def look(self, delivery: Delivery) -> Screened:
        """Judge one delivery.

        Raises:
            OutputError: what was taken before cannot be looked up.
        """
        verdict = self._judge(delivery)
        refused = None if self._policy is None else self._policy.refusal(verdict)
        if refused is not None:
            self.refused[refused.code] += 1
            self._on_refused(delivery, refused)
            return Screened(verdict, refused)
        key = _key(delivery, verdict)
        if self._seen is not None and key is not None and (key in self._taken or self._seen.knows(*key)):
            self.repeated += 1
            return Screened(verdict, repeated=True)
        return Screened(verdict, in_hand=key in self._in_hand)

    def begin(self, delivery: Delivery, verdict: Verdict) -> None:
        """A delivery that passed is being handled, until ``end``."""
        key = _key(delivery, verdict)
        if self._seen is not None and key is not None:
            self._in_hand.add(key)

    def end(self, delivery: Delivery, verdict: Verdict) -> None:
        """It is not any more; ``taken`` says whether that succeeded."""
        key = _key(delivery, verdict)
        if key is not None:
            self._in_hand.discard(key)

    def taken(self, delivery: Delivery, verdict: Verdict) -> bool:
        """A delivery that passed was handed on; ``flush`` will remember it. Returns whether it can be remembered."""
        key = _key(delivery, verdict)
        if self._seen is None or key is None:
            return False
        self._taken.add(key)
        return True

    def flush(self) -> None:
        """Remember what was taken, once it is safe where it went and before it is acknowledged.

        Raises:
            OutputError: it cannot be remembered.
        """
        if self._seen is not None and self._taken:
            self._seen.add(self._taken)
            self._taken.clear()


def _key(delivery: Delivery, verdict: Verdict) -> tuple[str, str] | None:
    """Signer and id; None unless both are signed: anybody could claim an id to have the true message dropped."""
    message_id = delivery.message.properties.message_id
    if verdict.level is not OriginLevel.SIGNED or verdict.dn is None or not isinstance(message_id, str):
        return None
    return verdict.dn, message_id
