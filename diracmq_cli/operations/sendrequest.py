"""What a run of a sender is asked for, and what it has around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Stop
    from diracmq_cli.errors import MQError


@dataclass(frozen=True, slots=True, kw_only=True)
class SendRequest:
    """What to do: ``exchange`` to publish to; ``stall`` is the longest silence of the broker while something waits for
    it, ``outage`` how long the end may be without progress, ``grace`` what a first signal leaves for reading and
    keeping, all in seconds."""

    exchange: str
    destination: str
    stall: float
    outage: float
    grace: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a run has around it.

    ``wait`` returns when one of the descriptors is readable, a stop was asked for, or the seconds have passed.
    ``on_blocked`` is told when the broker begins to block us (its reason) and when it lets us go on (None);
    ``on_refused`` of a message that cannot be sent at all, where the run goes on without it; ``on_turn`` now and then.
    """

    clock: Clock
    stop: Stop
    wait: Callable[[Sequence[int], float | None], None]
    on_blocked: Callable[[str | None], None]
    on_refused: Callable[[MQError], None]
    on_turn: Callable[[], None]
