"""Where a dead letter was published first, as its broker wrote it down."""

from __future__ import annotations

import pytest

from diracmq_cli.core.message import Delivery, Message
from diracmq_cli.core.publication import Publication, publication
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import FieldValue, OpaqueString, Timestamp
from diracmq_cli.errors import VerificationError


def death(queue: str, time: int, key: FieldValue = "job.done") -> dict[str, FieldValue]:
    return {
        "queue": queue,
        "exchange": f"{queue}.x",
        "reason": "rejected",
        "count": 1,
        "time": Timestamp(time),
        "routing-keys": [key],
    }


DEATH = death("a", 1)


def dead(*deaths: FieldValue) -> Delivery:
    message = Message(body=b"", headers={"x-death": list(deaths)}, routing_key="demo.dead")
    return Delivery(message=message, service="dev", queue="demo.dead", exchange="demo.dead.x", delivery_tag=1)


def test_a_living_message_is_where_it_was_published() -> None:
    """Without a death, exchange, routing key and queue are the delivery's."""
    message = Message(body=b"", routing_key="k")
    delivery = Delivery(message=message, service="dev", queue="q", exchange="q.x", delivery_tag=1)

    assert publication(delivery) == Publication("q", "q.x", "k")


def test_the_oldest_death_counts() -> None:
    """Whatever the order: a queue that sees a message die again moves its entry to the front."""
    first = Publication("a", "a.x", "job.done")

    assert publication(dead(death("b", 20), death("a", 10))) == first
    assert publication(dead(death("a", 10), death("b", 20))) == first


def test_deaths_of_one_second_are_told_by_their_place() -> None:
    """The broker counts seconds; the last entry is the oldest."""
    assert publication(dead(death("b", 10), death("a", 10))).queue == "a"


def test_a_routing_key_that_is_not_utf8() -> None:
    """It is kept as it came."""
    assert publication(dead(death("a", 1, OpaqueString(b"\xff")))).routing_key == OpaqueString(b"\xff")


@pytest.mark.parametrize(
    "broken",
    [
        "x",
        None,
        {**DEATH, "queue": b"a"},
        {**DEATH, "exchange": None},
        {**DEATH, "time": 1},
        {**DEATH, "routing-keys": "k"},
        {**DEATH, "routing-keys": []},
        {**DEATH, "routing-keys": ["k", "cc"]},
        {**DEATH, "routing-keys": [1]},
        {},
    ],
)
def test_what_no_broker_writes_is_refused(broken: FieldValue) -> None:
    """A forged entry is an error even beside good ones."""
    with pytest.raises(VerificationError) as caught:
        publication(dead(death("b", 1), broken))
    assert caught.value.reason is Refusal.DEATH
