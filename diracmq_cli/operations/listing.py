"""List: ask every broker of the CS what waits in its queues; one that is away does not hide the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from diracmq_cli.core.model import BrokerService, QueueSpec, QueueState, QueueType
from diracmq_cli.core.ports import Clock, Inspector, QueueStatus
from diracmq_cli.errors import AccessError, BrokerUnreachable, HostUnknown, MQError
from diracmq_cli.operations.deadline import Deadline

OpenInspector = Callable[[BrokerService, float], Inspector]
"""Log in to one broker within so many seconds."""


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """The queues of one service as its broker describes them; ``failure`` is why it could not be asked."""

    service: BrokerService
    states: tuple[QueueState, ...]
    failure: MQError | None = None


def inspect_queues(
    queues: Sequence[QueueSpec], open_inspector: OpenInspector, *, timeout: float, clock: Clock
) -> Iterator[ServiceReport]:
    """Ask each service once about all of its ``queues``, in the order of the CS, within ``timeout`` seconds in all.

    Services that AMQP is not spoken to are reported with the reason, as are those that do not answer; these use up
    no more than their share of the time.
    """
    deadline = Deadline(clock, timeout)
    services = list(dict.fromkeys(queue.service for queue in queues))
    for place, service in enumerate(services):
        share = Deadline(clock, (deadline.left or 0.0) / (len(services) - place))
        own = [queue for queue in queues if queue.service == service]
        if service.refusal is not None:
            yield ServiceReport(service, tuple(QueueState(queue=q, problem=service.refusal) for q in own))
            continue
        try:
            yield ServiceReport(service, _ask(service, own, open_inspector, share))
        except MQError as failure:
            problem = in_short(failure)
            yield ServiceReport(service, tuple(QueueState(queue=q, problem=problem) for q in own), failure)


def in_short(failure: MQError) -> str:
    """What every row of a broker says that could not be asked; the reason in full is said once, elsewhere."""
    match failure:
        case HostUnknown():
            return "no such host"
        case BrokerUnreachable():
            return "unreachable"
        case AccessError():
            return "login refused"
        case _:
            return "not asked"


def _ask(
    service: BrokerService, queues: Sequence[QueueSpec], open_inspector: OpenInspector, deadline: Deadline
) -> tuple[QueueState, ...]:
    inspector = open_inspector(service, deadline.left or 0.0)
    try:
        answers = inspector.status([queue.name for queue in queues], deadline.left or 0.0)
    finally:
        inspector.close()
    return states_of(queues, answers)


def states_of(queues: Sequence[QueueSpec], answers: Sequence[QueueStatus]) -> tuple[QueueState, ...]:
    """What a broker answers, as the states of the queues that it was asked about."""
    return tuple(
        QueueState(
            queue=queue,
            # A stream keeps what was read: a count of what is ready would tell nothing.
            ready=None if queue.type is QueueType.STREAM else answer.ready,
            consumers=answer.consumers,
            problem=answer.problem,
        )
        for queue, answer in zip(queues, answers, strict=True)
    )
