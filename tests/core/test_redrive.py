"""Where dead letters go back to, and which stay."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.specs import OTHER_SERVICE, exchange, queue

from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.model import Binding, MessagingModel, OriginLevel, Principals
from diracmq_cli.core.moved import MOVED_HEADER, read_move
from diracmq_cli.core.redrive import Left, Onward, Redrive, Transfer, dying_into
from diracmq_cli.core.registry import Registry
from diracmq_cli.core.values import FieldValue, Table, Timestamp
from diracmq_cli.core.verdict import Verdict

JANE, OLGA = "/DC=org/CN=Jane", "/DC=org/CN=Olga"
MOVERS = Principals(dns=(OLGA,))
DEAD = queue("dead")
JOBS = queue(
    "jobs",
    dead_letter_queue="dead",
    movers=MOVERS,
    publishers=Principals(dns=(JANE,)),
    bindings=(Binding("events", "job.#"),),
)
CLOSED = queue("closed", dead_letter_queue="dead", movers=MOVERS)
OTHERS = queue("others", dead_letter_queue="dead")
FURTHER = queue("further", dead_letter_queue="jobs", movers=MOVERS)
FOREIGN = queue("foreign", OTHER_SERVICE, dead_letter_queue="dead", movers=MOVERS)
EVENTS = replace(exchange("events"), publishers=Principals(users=("robot",)))
MODEL = MessagingModel(queues=(DEAD, JOBS, CLOSED, OTHERS, FURTHER, FOREIGN), exchanges=(EVENTS,))
BROKER = Verdict(level=OriginLevel.BROKER, dn=JANE)
CLAIMED = Verdict(level=OriginLevel.CLAIMED, dn=JANE)


def death(queue: str = "jobs", exchange: str | None = None, time: int = 1) -> Table:
    return {
        "queue": queue,
        "exchange": exchange or f"{queue}.x",
        "reason": "rejected",
        "count": 1,
        "time": Timestamp(time),
        "routing-keys": ["job.done"],
    }


def letter(*deaths: FieldValue, **headers: FieldValue) -> Delivery:
    table: Table = {"x-death": list(deaths), **headers}
    message = Message(body=b"", properties=Properties(user_id=JANE), headers=table, routing_key="job.done")
    return Delivery(message=message, service="dev", queue="dead", exchange="dead.x", delivery_tag=1)


def redrive(source: object = DEAD, *, force: bool = False) -> Redrive:
    return Redrive.of(source, MODEL, OLGA, Registry, force=force)  # type: ignore[arg-type]


def test_only_queues_of_this_broker_that_die_here() -> None:
    """Their dead letters come here in one step, on the same broker."""
    assert dying_into(DEAD, MODEL) == (JOBS, CLOSED, OTHERS)


def test_a_letter_goes_back() -> None:
    """To the queue where it died first, with the routing key that it had there, and the mover's word on it."""
    step = redrive()(letter(death("dead", time=5), death("jobs", time=3)), BROKER)
    assert isinstance(step, Onward)
    assert (step.target, step.message.routing_key) == (JOBS, "job.done")
    move = read_move(step.message.headers[MOVED_HEADER])
    assert move is not None
    assert (move.by, move.source, move.user_id, move.level) == (OLGA, "dev::Queues::dead", JANE, OriginLevel.BROKER)
    assert move.exchange is None


def test_the_exchange_that_it_took() -> None:
    """It goes through the queue's own exchange, so the mover says which other one it took at first."""
    step = redrive()(letter(death(exchange="events")), BROKER)
    assert isinstance(step, Onward)
    assert step.message.headers[MOVED_HEADER]["exchange"] == "events"  # type: ignore[index, call-overload]


def test_what_was_moved_before() -> None:
    """Who sent it at first is passed on, and so is the exchange."""
    earlier: Table = {"by": "mover", "from": "q", "user_id": JANE, "level": "broker", "exchange": "events"}
    delivery = letter(death(), **{MOVED_HEADER: earlier})
    delivery = replace(delivery, message=replace(delivery.message, properties=Properties(user_id="mover")))
    step = redrive()(delivery, replace(BROKER, moved_by="mover"))
    assert isinstance(step, Onward)
    assert step.message.headers[MOVED_HEADER] == {**earlier, "by": OLGA, "from": "dev::Queues::dead"}


@pytest.mark.parametrize(
    ("delivery", "verdict", "reason"),
    [
        (letter(death("further")), BROKER, "died in further, and the CS does not send"),
        (letter(death("foreign")), BROKER, "died in foreign, and the CS does not send"),
        (letter(death("others")), BROKER, f"{OLGA} is not among the Movers"),
        (letter(death("jobs", time=5), death("further", time=3)), BROKER, "died in further"),
        (letter(), BROKER, "x-death is not a list of deaths"),
        (letter("x"), BROKER, "an entry that no broker writes"),
        (letter(death(), CC=["x"]), BROKER, "carries CC or BCC"),
        (replace(letter(death()), defect="cut short"), BROKER, "malformed headers: cut short"),
        (letter(death()), Verdict(level=None, reason="rerouted: x"), "rerouted: x"),
    ],
)
def test_what_stays(delivery: Delivery, verdict: Verdict, reason: str) -> None:
    """With a reason that names what is wrong."""
    step = redrive()(delivery, verdict)
    assert isinstance(step, Left)
    assert reason in step.reason


def test_a_message_that_never_died_stays() -> None:
    """It has no x-death."""
    delivery = letter()
    delivery = replace(delivery, message=replace(delivery.message, headers={}))
    assert redrive()(delivery, BROKER) == Left("it is no dead letter: it has no x-death")


def test_force_is_for_those_whom_nobody_will_believe() -> None:
    """Whoever is no Mover can insist."""
    assert isinstance(redrive(force=True)(letter(death("others")), BROKER), Onward)


OPEN = replace(DEAD, publishers=Principals(dns=(JANE,)))
"""A queue of dead letters that somebody may publish to."""


@pytest.mark.parametrize(
    ("delivery", "verdict", "goes"),
    [
        (letter(death("jobs")), BROKER, True),
        (letter(death("jobs", "events")), Verdict(level=OriginLevel.BROKER, user="robot"), True),
        (letter(death("closed")), replace(BROKER, moved_by=OLGA), True),
        (letter(death("jobs")), replace(BROKER, level=OriginLevel.SIGNED), True),
        (letter(death("closed")), BROKER, False),
        (letter(death("jobs", "events")), BROKER, False),
        (letter(death("jobs", "nobody.x")), BROKER, False),
        (letter(death("jobs")), Verdict(level=OriginLevel.BROKER, dn="/CN=Somebody Else"), False),
        (letter(death("jobs")), CLAIMED, False),
    ],
)
def test_where_others_may_write_dead_letters(delivery: Delivery, verdict: Verdict, goes: bool) -> None:
    """Only what its sender could have published there, and is vouched for, goes back: x-death may be made up."""
    assert isinstance(redrive(OPEN)(delivery, verdict), Onward) == goes
    bound = replace(DEAD, bindings=(Binding("events", "#"),))
    assert isinstance(redrive(bound)(delivery, verdict), Onward) == goes


def test_where_the_broker_alone_writes_them() -> None:
    """A letter whose sender nobody vouched for did die, and goes back as the claim that it is."""
    step = redrive()(letter(death()), CLAIMED)
    assert isinstance(step, Onward)
    assert step.message.headers[MOVED_HEADER]["level"] == "claimed"  # type: ignore[index, call-overload]


def test_from_queue_to_queue_everything_goes() -> None:
    """Also what is wrong: the mover says so; only what cannot be published again stays."""
    transfer = Transfer(DEAD, JOBS, OLGA)
    step = transfer(letter(death()), Verdict(level=None, reason="rerouted"))
    assert isinstance(step, Onward)
    assert "level" not in step.message.headers[MOVED_HEADER]  # type: ignore[operator]
    assert step.message.routing_key == "job.done"
    assert isinstance(transfer(letter(death(), BCC=[]), BROKER), Left)
