"""What a mover says of a message, and who is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fieldvalues import short, values
from support.specs import queue

from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.model import MessagingModel, OriginLevel, Principals
from diracmq_cli.core.moved import MOVED_HEADER, Move, Movers, as_moved, read_move
from diracmq_cli.core.registry import Group, Registry
from diracmq_cli.core.values import FieldValue, Table, Timestamp
from diracmq_cli.core.verdict import Route, Verdict, judge

JANE, OLGA, MOVER = "/DC=org/CN=Jane", "/DC=org/CN=Olga", "mover"
REGISTRY = Registry(users={"olga": (OLGA,)}, groups={"ops": Group(("olga",))})
JOBS = queue("jobs", dead_letter_queue="dead", movers=Principals(groups=("ops",), users=(MOVER,)))
DEAD = queue("dead")
MODEL = MessagingModel(queues=(JOBS, DEAD))
MOVERS = Movers.on_the_way_to(JOBS, MODEL, lambda: REGISTRY)
MOVE = Move(by=OLGA, source="dev::Queues::dead", user_id=JANE, level=OriginLevel.BROKER)

moves = st.builds(
    Move,
    by=st.text(max_size=60),
    source=st.text(max_size=60),
    user_id=st.one_of(st.none(), short),
    level=st.sampled_from([None, *OriginLevel]),
    exchange=st.one_of(st.none(), short),
)


def moved(move: Move | FieldValue = MOVE, *, by: str | None = OLGA, **headers: FieldValue) -> Delivery:
    table: Table = {"dirac-dn": JANE, **headers, MOVED_HEADER: move.header() if isinstance(move, Move) else move}
    message = Message(body=b"", properties=Properties(user_id=by), headers=table)
    return Delivery(message=message, service="dev", queue="jobs", exchange="jobs.x", delivery_tag=1)


def verdict(delivery: Delivery, movers: Movers = MOVERS) -> Verdict:
    return judge(delivery, Route.to(JOBS, MODEL), movers)


@given(moves)
def test_what_is_written_is_read(move: Move) -> None:
    """A header holds the whole of a move."""
    assert read_move(move.header()) == move


@given(values)
def test_reading_never_fails(value: FieldValue) -> None:
    """Whatever a publisher puts there is a move or none, and leads to a verdict."""
    read = read_move(value)
    assert read is None or (isinstance(read.by, str) and isinstance(read.source, str))
    assert verdict(moved(value)).level is None or read is not None


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        [],
        {},
        {"by": "a"},
        {"by": 1, "from": "q"},
        {"by": "a", "from": "q", "level": "certain"},
        {"by": "a", "from": "q", "level": ["broker"]},
        {"by": "a", "from": "q", "user_id": 1},
        {"by": "a", "from": "q", "exchange": b"x"},
    ],
)
def test_what_no_mover_writes(value: FieldValue) -> None:
    """It is no move, and a message that has it is wrong."""
    assert read_move(value) is None
    assert verdict(moved(value)).reason == "dirac-moved is not what a mover writes"


def test_keys_to_come() -> None:
    """A later version may say more."""
    assert read_move({**MOVE.header(), "why": "x"}) == MOVE


@pytest.mark.parametrize("by", [OLGA, MOVER])
def test_a_mover_is_believed(by: str) -> None:
    """By DN of a group's member, or by a server's login: the message is its sender's, at the level the mover knew."""
    assert verdict(moved(replace(MOVE, by=by), by=by)) == Verdict(level=OriginLevel.BROKER, dn=JANE, moved_by=by)


def test_no_more_than_the_mover_knew() -> None:
    """Claimed stays claimed, signed is broker until the signature is verified, and wrong is wrong."""
    claimed = verdict(moved(replace(MOVE, level=OriginLevel.CLAIMED)))
    assert claimed == Verdict(level=OriginLevel.CLAIMED, dn=JANE, moved_by=OLGA)
    nobody = verdict(moved(replace(MOVE, level=OriginLevel.CLAIMED, user_id=None)))
    assert nobody == claimed
    assert verdict(moved(replace(MOVE, level=OriginLevel.SIGNED))).level is OriginLevel.BROKER
    wrong = verdict(moved(replace(MOVE, level=None)))
    assert (wrong.level, wrong.reason) == (None, f"its origin was wrong already when {OLGA} moved it")


@pytest.mark.parametrize(
    ("delivery", "reason"),
    [
        (moved(by=JANE), f"says that {OLGA} moved it, but was sent by {JANE}"),
        (moved(by=None), "whom the broker does not name"),
        (moved(replace(MOVE, by=JANE), by=JANE), f"was moved by {JANE}, who is not among the Movers of jobs"),
        (moved(replace(MOVE, user_id="/CN=Somebody Else")), f"claims {JANE} but was sent by /CN=Somebody Else"),
        (moved(replace(MOVE, exchange="events")), "from exchange events, which does not feed jobs"),
        (moved(**{"x-death": "x"}), "x-death is not a list of deaths"),
        (replace(moved(), exchange="other.x"), "rerouted: came through exchange 'other.x'"),
        (moved(CC=["x"]), "carries CC or BCC"),
    ],
)
def test_nobody_else_is(delivery: Delivery, reason: str) -> None:
    """A move by another, a move that contradicts itself, a moved message that came a strange way: all wrong."""
    found = verdict(delivery)
    assert (found.level, found.dn, found.moved_by) == (None, None, None)
    assert reason in (found.reason or "")


def test_it_died_again() -> None:
    """In the queue of dead letters the Movers of the queue that it was moved into count, not those of its own."""
    death: Table = {
        "queue": "jobs",
        "exchange": "jobs.x",
        "reason": "rejected",
        "count": 1,
        "time": Timestamp(1),
        "routing-keys": ["k"],
    }
    delivery = replace(moved(**{"x-death": [death]}), queue="dead", exchange="dead.x")
    movers = Movers.on_the_way_to(DEAD, MODEL, lambda: REGISTRY)
    assert judge(delivery, Route.to(DEAD, MODEL), movers).moved_by == OLGA
    assert judge(replace(moved(), queue="dead", exchange="dead.x"), Route.to(DEAD, MODEL), movers).level is None


def test_who_may_move_cannot_be_known() -> None:
    """A reader whose configuration lacks the group says so, and does not believe."""
    movers = Movers.on_the_way_to(JOBS, MODEL, Registry)
    assert "has no group ops" in (verdict(moved(), movers).reason or "")


def test_the_registry_is_not_read_for_others() -> None:
    """A message that was not moved costs nothing."""

    def never() -> Registry:
        raise AssertionError("the registry was read")

    movers = Movers.on_the_way_to(JOBS, MODEL, never)
    message = Message(body=b"", properties=Properties(user_id=JANE), headers={})
    delivery = Delivery(message=message, service="dev", queue="jobs", exchange="jobs.x", delivery_tag=1)
    assert verdict(delivery, movers) == Verdict(level=OriginLevel.BROKER, dn=JANE)


def test_what_goes_and_what_stays() -> None:
    """The brokers' notes go, everything of the sender's stays, user_id is the mover's."""
    headers: Table = {
        "x-death": [],
        "x-first-death-queue": "q",
        "x-last-death-reason": "r",
        "x-delivery-count": 3,
        "x-app": 1,
        "dirac-stamp": "s",
    }
    properties = Properties(message_id="id", user_id=JANE, timestamp=5, type="t", priority=3)
    message = Message(body=b"b", properties=properties, headers=headers, routing_key="old")
    again = as_moved(message, MOVE, "new")
    assert again.headers == {"x-app": 1, "dirac-stamp": "s", MOVED_HEADER: MOVE.header()}
    assert again.properties == replace(properties, user_id=OLGA)
    assert (again.body, again.routing_key) == (b"b", "new")
