"""What a move came to: how many went where, and how many stay for which reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.errors import MQError, NothingThere, Partial, TemporaryFailure

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.values import Text

MAX_REASONS = 100
MAX_IDS = 100
"""A reason may quote what a publisher wrote: of many different ones, and of many messages, the first are kept."""

_OTHERS = "other reasons"


@dataclass(slots=True)
class Stay:
    """Messages that stay for one reason: how many, and the ids of the first of them."""

    count: int = 0
    message_ids: list[Text | None] = field(default_factory=list)


@dataclass(slots=True)
class MoveTally:
    """Counts of one move, or of what one would do (``verb``).

    ``unknown`` were published and neither confirmed nor refused; ``refusal`` is why a queue took no more; ``cut`` why
    the move ended before its end.
    """

    verb: str = "moved"
    moved: dict[str, int] = field(default_factory=dict)
    stays: dict[str, Stay] = field(default_factory=dict)
    unknown: int = 0
    refusal: MQError | None = None
    cut: str | None = None

    @property
    def total(self) -> int:
        """How many were moved."""
        return sum(self.moved.values())

    @property
    def left(self) -> int:
        """How many were looked at and stay."""
        return sum(stay.count for stay in self.stays.values())

    @property
    def seen(self) -> int:
        """How many of them are accounted for."""
        return self.total + self.left

    def has_moved(self, count: int | None, in_flight: int = 0) -> bool:
        """Whether ``count`` were moved, if what is in flight arrives; never, when there is no such limit."""
        return count is not None and self.total + in_flight >= count

    def move(self, target: QueueSpec) -> None:
        """One went to ``target``."""
        name = str(target.address)
        self.moved[name] = self.moved.get(name, 0) + 1

    def leave(self, reason: str, delivery: Delivery) -> None:
        """One stays."""
        if reason not in self.stays and len(self.stays) >= MAX_REASONS:
            reason = _OTHERS
        stay = self.stays.setdefault(reason, Stay())
        stay.count += 1
        if len(stay.message_ids) < MAX_IDS:
            stay.message_ids.append(delivery.message.properties.message_id)

    def text(self) -> str:
        """One line of figures, leaving out what did not occur."""
        more = [(self.left, "left"), (self.unknown, "of unknown fate")]
        return ", ".join([f"{self.total} {self.verb}", *(f"{count} {name}" for count, name in more if count)])

    def check(self, source: str, count: int | None) -> None:
        """Raise what these figures amount to; return when everything that was asked for was done.

        Args:
            source: the address of the queue, for messages.
            count: how many were asked for; None for all that were there.

        Raises:
            NothingThere: the queue was empty, or nothing in it was to be moved.
            Unroutable, TemporaryFailure: nothing was moved, for that reason.
            Partial: some were moved, and fewer than asked for.
        """
        all_of_it = self.total and not self.left and self.cut is None
        if self.has_moved(count) or (count is None and all_of_it):
            return
        if not self.total:
            raise self._nothing(source)
        wanted = "" if count is None else f" ({count} were asked for)"
        why = f": {self.cut or self.refusal}" if self.cut or self.refusal else ""
        raise Partial(f"{source}: {self.text()}{wanted}{why}")

    def _nothing(self, source: str) -> MQError:
        if self.refusal is not None:
            return self.refusal
        if self.cut is not None:
            return TemporaryFailure(f"nothing was moved from {source}: {self.cut}")
        what = f"nothing in {source} is to be moved: {self.left} left" if self.left else f"nothing waits in {source}"
        return NothingThere(what)
