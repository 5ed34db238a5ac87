"""Watch: ask again and again what waits in queues, over one connection to each broker.

A broker that is away, or goes away, is said in the rows of its queues and dialled again; the others go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.model import BrokerService, QueueSpec, QueueState
from diracmq_cli.errors import BrokerLost, MQError
from diracmq_cli.operations.listing import OpenInspector, in_short, states_of

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Inspector

ANSWER = 3.0
"""Seconds that a broker may take to be dialled, or to answer: longer, and the others' figures would be stale."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0
"""Seconds until a broker that is away is dialled again: doubled each time."""

KEPT = 30.0
"""Seconds between two rounds for which a connection is kept; nobody serves its heartbeats meanwhile."""

NO_ANSWER = "no answer in time"


@dataclass(frozen=True, slots=True)
class Observation:
    """One queue in one round; ``change`` is in messages a second since the round before, None where it is not known."""

    state: QueueState
    change: float | None = None


class Watch:
    """Looks at queues, round after round.

    Args:
        queues: which.
        open_inspector: logs in to a broker.
        interval: seconds from one round to the next.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, queues: Sequence[QueueSpec], open_inspector: OpenInspector, *, interval: float, clock: Clock
    ) -> None:
        self._queues = queues
        self._clock = clock
        self._brokers = [
            _Broker(service, own, open_inspector, clock, keep=interval <= KEPT) for service, own in _by_broker(queues)
        ]
        self._before: dict[QueueSpec, tuple[int, float]] = {}

    @property
    def failures(self) -> Mapping[str, MQError]:
        """Why brokers cannot be asked now, by the names of their services."""
        return {broker.service.name: broker.failure for broker in self._brokers if broker.failure is not None}

    @property
    def all_away(self) -> bool:
        """True when not one broker could be asked, so that there is nothing to watch."""
        spoken_to = [broker for broker in self._brokers if broker.service.refusal is None]
        return bool(spoken_to) and all(broker.failure is not None for broker in spoken_to)

    def look(self) -> list[Observation]:
        """One round: every queue, in the order in which they were given."""
        seen: dict[QueueSpec, Observation] = {}
        for broker in self._brokers:
            states = broker.look()
            now = self._clock()
            seen |= {state.queue: self._observe(state, now) for state in states}
        return [seen[queue] for queue in self._queues]

    def _observe(self, state: QueueState, now: float) -> Observation:
        before = self._before.pop(state.queue, None)
        if state.ready is None:
            return Observation(state)
        self._before[state.queue] = (state.ready, now)
        if before is None or now == before[1]:
            return Observation(state)
        return Observation(state, (state.ready - before[0]) / (now - before[1]))

    def close(self) -> None:
        """Close all connections."""
        for broker in self._brokers:
            broker.close()


def _by_broker(queues: Sequence[QueueSpec]) -> list[tuple[BrokerService, list[QueueSpec]]]:
    """The queues of each broker and login: several services may be one broker."""
    groups: dict[object, tuple[BrokerService, list[QueueSpec]]] = {}
    for queue in queues:
        service = queue.service
        key = (service.hosts, service.vhost, service.user, service.refusal)
        groups.setdefault(key, (service, []))[1].append(queue)
    return list(groups.values())


class _Broker:
    """One broker under watch: its connection, or why there is none and when to try again."""

    def __init__(
        self,
        service: BrokerService,
        queues: Sequence[QueueSpec],
        open_inspector: OpenInspector,
        clock: Clock,
        *,
        keep: bool,
    ) -> None:
        self.service = service
        self.failure: MQError | None = None
        self._queues = queues
        self._open = open_inspector
        self._clock = clock
        self._keep = keep
        self._inspector: Inspector | None = None
        self._pause = FIRST_PAUSE
        self._again = clock()

    def look(self) -> Sequence[QueueState]:
        """What the broker says of its queues, or in each row why it says nothing."""
        if self.service.refusal is not None:
            return self._all(self.service.refusal)
        if self._inspector is not None or self._clock() >= self._again:
            try:
                return self._ask()
            except MQError as failure:
                self._lose(failure)
        return self._all(NO_ANSWER if self.failure is None else in_short(self.failure))

    def _ask(self) -> Sequence[QueueState]:
        if self._inspector is None:
            self._inspector = self._open(self.service, ANSWER)
        states = states_of(self._queues, self._inspector.status([queue.name for queue in self._queues], ANSWER))
        if any(state.problem == NO_ANSWER for state in states):
            raise BrokerLost(f"the broker of {self.service.name} does not answer")
        self.failure, self._pause = None, FIRST_PAUSE
        if not self._keep:
            self.close()
        return states

    def _lose(self, failure: MQError) -> None:
        self.failure = failure
        self.close()
        self._again = self._clock() + self._pause
        self._pause = min(2 * self._pause, LONGEST_PAUSE)

    def _all(self, problem: str) -> Sequence[QueueState]:
        return [QueueState(queue=queue, problem=problem) for queue in self._queues]

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._inspector is not None:
            self._inspector.close()
            self._inspector = None
