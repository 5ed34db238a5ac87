"""What we may do at a destination: the broker's own word, beside what the CS says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from diracmq_cli.core.finding import Finding
from diracmq_cli.core.model import ExchangeSpec, Principals, QueueSpec, QueueType
from diracmq_cli.core.probing import Answer, BrokerProbe, Spec
from diracmq_cli.errors import PermissionDenied, UnknownDestination

_OPERATOR = "ask the operator of the broker to run: dirac-mq broker apply --service {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """One thing that people do at a destination.

    ``options`` are the CS's names of who may, ``principals`` what they say; ``thing`` is what the right is on.
    """

    check: str
    verb: str
    thing: str
    options: str
    principals: tuple[Principals, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a broker said of one destination; ``rights`` has an answer for each right, in the order of ``rights_at``."""

    queue: Finding | None
    answers: tuple[Answer, ...]


def rights_at(spec: Spec) -> tuple[Right, ...]:
    """What can be done there; the right to write comes last."""
    address = spec.address
    if isinstance(spec, ExchangeSpec):
        watch = Right(
            check="watch",
            verb="bind private queues to it",
            thing=spec.name,
            options="Watchers",
            principals=(spec.watchers,),
        )
        write = Right(
            check="write",
            verb=f"send: dirac-mq send {address}",
            thing=spec.name,
            options="Publishers",
            principals=(spec.publishers,),
        )
        return watch, write
    take = Right(
        check="take",
        verb=f"consume: dirac-mq consume {address}",
        thing=spec.name,
        options="Consumers",
        principals=(spec.consumers, spec.operators),
    )
    write = Right(
        check="write",
        verb=f"send: dirac-mq send {address}",
        thing=spec.exchange,
        options="Publishers",
        principals=(spec.publishers, spec.movers),
    )
    if spec.tap is None:
        read = Right(
            check="take",
            verb=f"read: dirac-mq tail {address}",
            thing=spec.name,
            options="Consumers or Watchers",
            principals=(spec.consumers, spec.watchers, spec.operators),
        )
        return read, write
    watch = Right(
        check="watch",
        verb=f"follow: dirac-mq tail {address}",
        thing=spec.tap,
        options="Watchers",
        principals=(spec.watchers, spec.operators),
    )
    return take, watch, write


def ask(broker: BrokerProbe, specs: Sequence[Spec], left: Callable[[], float]) -> list[Asked]:
    """Ask a broker about destinations; ``left`` is how many seconds there are.

    Rights to write come last: a broker that is blocked answers the first of them, and then nothing.

    Raises:
        BrokerLost: the connection has ended, or there is no answer.
    """
    queues = [_queue(broker, spec, left()) if isinstance(spec, QueueSpec) else None for spec in specs]
    reading = [[_read(broker, right, left()) for right in rights_at(spec)[:-1]] for spec in specs]
    writing = [_write(broker, rights_at(spec)[-1], left()) for spec in specs]
    return [
        Asked(queue=queue, answers=(*answers, answer))
        for queue, answers, answer in zip(queues, reading, writing, strict=True)
    ]


def _read(broker: BrokerProbe, right: Right, timeout: float) -> Answer:
    ask_for = broker.may_take if right.check == "take" else broker.may_watch
    return ask_for(right.thing, timeout)


def _write(broker: BrokerProbe, right: Right, timeout: float) -> Answer:
    if broker.blocked is not None:
        return Answer(None, "not asked: the broker is blocked")
    return broker.may_write(right.thing, timeout)


def _queue(broker: BrokerProbe, spec: QueueSpec, timeout: float) -> Finding:
    title = str(spec.address)
    status = broker.status(spec.name, timeout)
    if status.problem == "no such queue":
        error = UnknownDestination(f"the broker has no queue {spec.name}", hint=_OPERATOR.format(spec.service.name))
        return Finding.failed("queue", error, title)
    if status.ready is None:
        return Finding.skipped("queue", f"{spec.type}; {status.problem or 'not seen'}", title)
    consumers = f"{status.consumers} {'consumer' if status.consumers == 1 else 'consumers'}"
    waiting = "" if spec.type is QueueType.STREAM else f"{status.ready} ready, "
    return Finding.ok("queue", f"{spec.type}, {waiting}{consumers}", title)


def judge_rights(spec: Spec, answers: Sequence[Answer], named: Callable[[Principals], bool | None]) -> list[Finding]:
    """Say what each answer means. A right that the CS does not give us either is a warning; with none at all, we have
    no business here, and that is a failure."""
    useless = all(answer.allowed is False or answer.missing for answer in answers)
    rights = zip(rights_at(spec), answers, strict=True)
    return [_judge(spec, right, answer, named, useless=useless) for right, answer in rights]


def _judge(
    spec: Spec, right: Right, answer: Answer, named: Callable[[Principals], bool | None], *, useless: bool
) -> Finding:
    title = str(spec.address)
    if answer.missing:
        missing = UnknownDestination(f"no {right.thing} on the broker", hint=_OPERATOR.format(spec.service.name))
        return Finding.failed(right.check, missing, title)
    if answer.allowed is None:
        return Finding.warning(right.check, answer.said, title, hint="dirac-mq check -t 20s waits longer")
    meant = _meant(right, named)
    if answer.allowed and meant is not False:
        return Finding.ok(right.check, f"I may {right.verb}", title)
    unnamed = f"{right.options} of the CS does not name me ({spec.source})"
    if answer.allowed:
        hint = f"an operator should look: dirac-mq broker diff --service {spec.service.name}"
        return Finding.warning(right.check, f"I may {right.verb}, although {unnamed}", title, hint=hint)
    if meant:
        denied = PermissionDenied(
            f"{right.options} of the CS names me ({spec.source}), and the broker says no: {answer.said}",
            hint=_OPERATOR.format(spec.service.name),
        )
        return Finding.failed(right.check, denied, title)
    detail = "I may not: " + (answer.said if meant is None else unnamed)
    contact = spec.contact if isinstance(spec, QueueSpec) and spec.contact else "those who keep the CS"
    hint = f"ask {contact} for a place in {right.options}"
    if useless:
        return Finding.failed(right.check, PermissionDenied(detail, hint=hint), title)
    return Finding.warning(right.check, detail, title, hint=hint)


def _meant(right: Right, named: Callable[[Principals], bool | None]) -> bool | None:
    """Whether the CS gives us the right; None when it says nothing, or we cannot know."""
    if all(principals == Principals() for principals in right.principals):
        return None
    answers = [named(principals) for principals in right.principals]
    if True in answers:
        return True
    return None if None in answers else False
