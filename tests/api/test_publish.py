"""``Queue.publish`` and ``publish_many``: confirmed, stamped, through losses of the connection, into the spool."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import take
from support.faultproxy import FaultProxy
from support.programs import opened, setup
from support.queues import QueueFactory
from support.senders import blocked, drained, first_arrivals, kept

from diracmq_cli.api import OriginLevel, Outcome, Outgoing, Receipt
from diracmq_cli.errors import (
    BrokerUnreachable,
    DataError,
    Partial,
    PermissionDenied,
    TemporaryFailure,
    UnknownDestination,
    Unroutable,
    UsageError,
)


def test_one_message(devbroker: Broker, make_queue: QueueFactory) -> None:
    """It is in the queue when publish returns, with what the program said and the sender's stamp."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        receipt = queue.publish(
            Outgoing("grüß", routing_key="a.b", headers={"n": 1, "f": 0.5}, type="t", ttl=60, correlation_id="c")
        )
        assert receipt.outcome is Outcome.CONFIRMED
        ((method, properties, body),) = take(devbroker, name)
    assert body == "grüß".encode()
    assert method.routing_key == "a.b"
    assert (properties.message_id, properties.user_id) == (receipt.message_id, devbroker.dn("user"))
    assert (properties.type, properties.content_type, properties.expiration) == ("t", "text/plain", "60000")
    assert properties.headers["n"] == 1
    assert properties.headers["dirac-dn"] == devbroker.dn("user")
    assert properties.headers["dirac-ip"] == "127.0.0.1"


def test_many(devbroker: Broker, make_queue: QueueFactory) -> None:
    """All arrive in order, each with a receipt of its own, and many are in flight at a time."""
    name, cfg = make_queue()
    receipts: list[Receipt] = []
    with opened(devbroker, name, cfg) as queue:
        queue.publish("0")
        summary = queue.publish_many((str(n) for n in range(1, 5000)), on_receipt=receipts.append)
    assert (summary.sent, summary.confirmed) == (4999, 4999)
    assert len({receipt.message_id for receipt in receipts}) == 4999
    assert [body for _, body in drained(devbroker, name)] == [str(n) for n in range(5000)]


def test_an_id_is_kept(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A message that a program sends again bears the id that the program gave it; twice at a time is refused."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        for _ in range(2):
            assert queue.publish(Outgoing("x", message_id="mine")).message_id == "mine"
        with pytest.raises(UsageError, match="mine"):
            queue.publish_many([Outgoing("x", message_id="mine")] * 2)
    assert {message_id for message_id, _ in drained(devbroker, name)} == {"mine"}


def test_signed(devbroker: Broker, make_queue: QueueFactory) -> None:
    """With sign, and without asking where the CS says Origin = signed, readers see who signed it."""
    name, cfg = make_queue(Origin="signed")
    plain, cfg = make_queue()
    with opened(devbroker, name, cfg) as by_cs, opened(devbroker, plain, cfg, sign=True) as by_program:
        by_cs.publish("x")
        by_program.publish("x")
        for queue in (by_cs, by_program):
            (seen,) = queue.peek()
            assert (seen.origin.level, seen.origin.dn) == (OriginLevel.SIGNED, devbroker.dn("user"))


def test_anonymous(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The person is left out; a contradiction is told at once."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg, anonymous=True) as queue:
        queue.publish("x")
    ((_, properties, _),) = take(devbroker, name)
    assert properties.user_id is None
    assert "dirac-dn" not in properties.headers
    with pytest.raises(UsageError):
        opened(devbroker, name, cfg, anonymous=True, sign=True)


@pytest.mark.parametrize(
    "message",
    [
        Outgoing("x", headers={"dirac-dn": "/CN=Somebody Else"}),
        Outgoing("x", headers={"CC": "elsewhere"}),
        Outgoing("half a pair: \ud800"),
        Outgoing("x", headers={"half": "\ud800"}),
        Outgoing("x", routing_key="k" * 256),
        Outgoing("x", priority=1000),
        Outgoing(b"x" * (16 * 1024 * 1024 + 1)),
    ],
    ids=["stamp", "CC", "body", "header", "key", "priority", "large"],
)
def test_what_no_broker_takes(devbroker: Broker, make_queue: QueueFactory, message: Outgoing) -> None:
    """It is a DataError; what stood before it is sent, and the queue can be used afterwards."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        with pytest.raises(DataError):
            queue.publish_many(["before", message, "behind"])
        queue.publish("after")
    bodies = [body for _, body in drained(devbroker, name)]
    assert bodies[0] == "before"
    assert bodies[-1] == "after"
    assert len(bodies) <= 3


def test_what_the_broker_does_not_take(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Returned and refused messages are errors of their own; of many, the receipts tell which."""
    name, cfg = make_queue(MaxLength=2, Overflow="reject-publish")
    receipts: list[Receipt] = []
    with opened(devbroker, name, cfg) as queue:
        with pytest.raises(Partial, match=r"confirmed, \d+ nacked"):
            queue.publish_many(map(str, range(500)), on_receipt=receipts.append)
        assert {receipt.outcome for receipt in receipts} == {Outcome.CONFIRMED, Outcome.NACKED}
        with pytest.raises(TemporaryFailure):
            queue.publish("one more")
        with devbroker.channel("operator") as channel:
            channel.queue_unbind(name, f"{name}.x", "#")
        with pytest.raises(Unroutable):
            queue.publish("nowhere")


def test_who_may_not(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The broker's refusal is an error of ours, also when it is asked again."""
    name, cfg = make_queue(Publishers="group:dirac_user")
    with opened(devbroker, name, cfg, role="pilot") as queue:
        for _ in range(2):
            with pytest.raises(PermissionDenied):
                queue.publish("let me in")


def test_an_unknown_queue(devbroker: Broker) -> None:
    """It is refused when it is opened."""
    with pytest.raises(UnknownDestination, match="nonesuch"):
        opened(devbroker, "nonesuch")


def test_an_iterable_that_fails(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Its exception comes through, and what it gave before is sent."""

    def lines() -> Iterator[str]:
        yield "1"
        yield "2"
        raise LookupError("no more")

    name, cfg = make_queue()
    receipts: list[Receipt] = []
    with opened(devbroker, name, cfg) as queue:
        with pytest.raises(LookupError):
            queue.publish_many(lines(), on_receipt=receipts.append)
        assert len(receipts) == 2
        with pytest.raises(UsageError, match="while the same queue is publishing"):
            queue.publish_many(queue.publish("inner").message_id for _ in range(1))
    assert [body for _, body in drained(devbroker, name)] == ["1", "2"]


def test_killed_connections(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """While many are published, and between two calls: nothing is lost, order and ids are kept."""
    name, cfg = make_queue()
    count = 4000

    def lines() -> Iterator[str]:
        for number in range(1, count):
            if number in (1000, 2500):
                fault_proxy.cut()
            yield str(number)

    with opened(devbroker, name, cfg, url=fault_proxy.url, outage=10) as queue:
        queue.publish("0")
        assert queue.publish_many(lines()).confirmed == count - 1
        fault_proxy.cut(reset=False)
        queue.publish(str(count))
        assert fault_proxy.accepted >= 3
    assert first_arrivals(drained(devbroker, name)) == [str(number) for number in range(count + 1)]


def test_an_outage(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """It is bounded by ``outage``; no first connection is an error at once; a later call begins anew."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg, url=fault_proxy.url, outage=1) as queue:
        queue.publish("1")
        fault_proxy.refuse()
        fault_proxy.cut()
        started = time.monotonic()
        with pytest.raises(BrokerUnreachable):
            queue.publish("2")
        assert time.monotonic() - started < 15
        with pytest.raises(BrokerUnreachable, match="connection refused"):
            queue.publish("3")
        fault_proxy.clear()
        queue.publish("4")
    assert [body for _, body in drained(devbroker, name)][-1] == "4"


def test_a_broker_that_blocks(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The wait ends with ``outage``, and the message may have arrived."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg, outage=1) as queue:
        queue.publish("1")
        with blocked(devbroker), pytest.raises(TemporaryFailure):
            queue.publish("2")
        queue.publish("3")


def test_the_spool(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path) -> None:
    """What the broker does not take is kept within seconds, and goes first when it is back, with ids and stamps."""
    name, cfg = make_queue()
    spool = tmp_path / "spool"
    fault_proxy.refuse()
    with opened(devbroker, name, cfg, url=fault_proxy.url, spool=spool) as queue:
        started = time.monotonic()
        receipt = queue.publish("1")
        assert time.monotonic() - started < 15
        assert receipt.outcome is Outcome.SPOOLED
        assert queue.publish_many(["2", "3"]).spooled == 2
    assert kept(spool)[0] == (receipt.message_id, "1")
    assert [body for _, body in kept(spool)] == ["1", "2", "3"]
    fault_proxy.clear()
    with opened(devbroker, name, cfg, url=fault_proxy.url, spool=spool) as queue:
        assert queue.publish("4").outcome is Outcome.CONFIRMED
    assert kept(spool) == []
    got = drained(devbroker, name)
    assert got[0] == (receipt.message_id, "1")
    assert [body for _, body in got] == ["1", "2", "3", "4"]


def test_two_at_once(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Two queues share a setup; what is published to one is not in the other."""
    one, _ = make_queue()
    two, cfg = make_queue()
    shared = setup(devbroker, cfg)
    from diracmq_cli import open_queue

    with open_queue(one, setup=shared) as first, open_queue(f"dev::Queues::{two}", setup=shared) as second:
        for number in range(20):
            first.publish(f"first {number}")
            second.publish(f"second {number}")
    assert [body for _, body in drained(devbroker, one)] == [f"first {number}" for number in range(20)]
    assert [body for _, body in drained(devbroker, two)] == [f"second {number}" for number in range(20)]


def test_it_belongs_to_a_thread(devbroker: Broker) -> None:
    """Another thread is refused, and so is who uses it after close."""
    queue = opened(devbroker, "demo.jobs")
    refused: list[UsageError] = []

    def use() -> None:
        try:
            queue.publish("x")
        except UsageError as error:
            refused.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert "belongs to the thread" in str(refused[0])
    queue.close()
    queue.close()
    with pytest.raises(UsageError, match="closed"):
        queue.publish("x")
