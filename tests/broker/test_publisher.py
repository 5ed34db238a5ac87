"""Publishing: confirms in flight, what becomes of each message, and limits that are checked before the broker is."""

from __future__ import annotations

import os
import time

import pytest
from support.adapter import message, open_session, receipts, session, spec_of, take
from support.broker import VHOST

from diracmq_cli.core.message import MAX_BODY, Message, Outcome
from diracmq_cli.core.values import OpaqueString
from diracmq_cli.errors import BrokerLost, CredentialError, DataError, PermissionDenied, UnknownDestination


@pytest.fixture
def publisher(devbroker):
    opened = open_session(devbroker).publisher(max_messages=100, max_octets=1_000_000)
    yield opened
    opened.close()


def test_every_message_is_confirmed(devbroker, make_queue, publisher):
    """A thousand messages through a window of a hundred: each gets its receipt, in the queue in order."""
    name, _ = make_queue()
    got, sent = [], 0
    while len(got) < 1000:
        while sent < 1000 and publisher.ready:
            sent += 1
            assert publisher.publish(f"{name}.x", message(str(sent).encode(), f"id-{sent}")) == sent
            assert publisher.in_flight <= 100
        got += publisher.turn(10)
    assert sorted(receipt.sequence for receipt in got) == list(range(1, 1001))
    assert all(receipt.message_id == f"id-{receipt.sequence}" for receipt in got)
    assert {receipt.outcome for receipt in got} == {Outcome.CONFIRMED}
    with devbroker.channel("user") as channel:
        bodies = [channel.basic_get(name, auto_ack=True)[2] for _ in range(1000)]
    assert bodies == [str(n).encode() for n in range(1, 1001)]


def test_what_arrives_is_what_was_sent(devbroker, make_queue, publisher):
    """Bodies of several frames, and properties, arrive as they were; the message is persistent."""
    name, _ = make_queue()
    body = os.urandom(700_000)
    user = devbroker.dn("user")
    publisher.publish(f"{name}.x", message(body, "big", "a.b", user_id=user, content_type="text/x", timestamp=5))
    assert receipts(publisher)[0].outcome is Outcome.CONFIRMED
    with devbroker.channel("user") as channel:
        method, properties, got = channel.basic_get(name, auto_ack=True)
    assert got == body
    assert (method.exchange, method.routing_key) == (f"{name}.x", "a.b")
    assert (properties.message_id, properties.user_id, properties.delivery_mode) == ("big", user, 2)


def test_the_octets_in_flight_are_bounded(make_queue, publisher):
    """The window is full by octets too; a message larger than the window passes when it is alone."""
    name, _ = make_queue()
    publisher.publish(f"{name}.x", message(bytes(2_000_000)))
    assert not publisher.ready
    receipts(publisher)
    assert publisher.ready


def test_returned(devbroker, publisher):
    """A message that no queue took is returned, with the broker's reason; those around it are confirmed."""
    publisher.publish("demo.jobs.x", message(b"1", "same"))
    publisher.publish("demo.events", message(b"2", "same", "bound.to.nothing"))
    publisher.publish("demo.events", message(b"3", "same", "bound.to.nothing"))
    publisher.publish("demo.jobs.x", message(b"4", "same"))
    outcomes = {receipt.sequence: receipt for receipt in receipts(publisher)}
    assert [outcomes[n].outcome for n in (1, 2, 3, 4)] == [
        Outcome.CONFIRMED,
        Outcome.RETURNED,
        Outcome.RETURNED,
        Outcome.CONFIRMED,
    ]
    assert outcomes[2].reason == "312 NO_ROUTE"
    devbroker.purge("demo.jobs")


def test_nacked(make_queue, publisher):
    """A full queue that rejects publishes nacks what does not fit."""
    name, _ = make_queue(Overflow="reject-publish", MaxLength=3)
    for number in range(20):
        publisher.publish(f"{name}.x", message(b"x", str(number)))
    got = receipts(publisher)
    assert Outcome.NACKED in {receipt.outcome for receipt in got}
    assert all(receipt.reason for receipt in got if receipt.outcome is Outcome.NACKED)
    assert len(got) == 20


def test_no_such_exchange(devbroker, make_queue, publisher):
    """An exchange that is not there is 66 and named; the publisher stays ended."""
    name, _ = make_queue()
    with devbroker.channel("operator") as channel:
        channel.exchange_delete(f"{name}.x")
    publisher.publish(f"{name}.x", message())
    with pytest.raises(UnknownDestination, match=f"no exchange '{name}.x'"):
        receipts(publisher)
    with pytest.raises(UnknownDestination):
        publisher.publish("demo.jobs.x", message())


def test_a_forbidden_exchange(publisher):
    """An exchange that we may not write to is 77, and named."""
    publisher.publish("amq.topic", message())
    with pytest.raises(PermissionDenied, match=r"amq\.topic"):
        receipts(publisher)


def test_somebody_elses_user_id(publisher):
    """The broker refuses a user_id that is not our login, and the reason names ours."""
    publisher.publish("demo.jobs.x", message(user_id="/CN=somebody else"))
    with pytest.raises(CredentialError, match="somebody else"):
        receipts(publisher)


@pytest.mark.parametrize(
    ("exchange", "sent", "told"),
    [
        ("demo.jobs.x", Message(body=bytes(MAX_BODY + 1)), "body"),
        ("demo.jobs.x", Message(body=b"", headers={"h": "x" * 140_000}), "headers"),
        ("demo.jobs.x", Message(body=b"", routing_key="k" * 256), "routing key"),
        ("demo.jobs.x", Message(body=b"", routing_key=OpaqueString(b"\xff" * 256)), "routing key"),
        ("x" * 256, Message(body=b""), "exchange name"),
        ("demo.jobs.x", message(message_id="i" * 256), "message_id"),
    ],
)
def test_limits_are_checked_here(devbroker, publisher, exchange, sent, told):
    """What the broker would close the channel for is refused before it is sent; the publisher goes on."""
    with pytest.raises(DataError, match=told):
        publisher.publish(exchange, sent)
    assert publisher.in_flight == 0
    publisher.publish("demo.jobs.x", message())
    assert [receipt.outcome for receipt in receipts(publisher)] == [Outcome.CONFIRMED]
    devbroker.purge("demo.jobs")


def test_headers_up_to_the_limit(devbroker, make_queue, publisher):
    """Headers that just fit into a frame are sent."""
    name, cfg = make_queue()
    publisher.publish(f"{name}.x", Message(body=b"", headers={"h": "x" * 130_900}))
    assert receipts(publisher)[0].outcome is Outcome.CONFIRMED
    with session(devbroker) as opened:
        (delivery,) = take(opened.getter(spec_of(devbroker, name, cfg), limit=1), 1)
    assert delivery.message.headers == {"h": "x" * 130_900}


def test_a_routing_key_of_any_octets(devbroker, make_queue, publisher):
    """A routing key that is not UTF-8 goes out and comes back as it was."""
    name, cfg = make_queue()
    key = OpaqueString(b"\xff\xfe.a")
    publisher.publish(f"{name}.x", Message(body=b"", routing_key=key))
    receipts(publisher)
    with session(devbroker) as opened:
        (delivery,) = take(opened.getter(spec_of(devbroker, name, cfg), limit=1), 1)
    assert delivery.message.routing_key == key


def test_turn_returns_for_a_descriptor_and_for_a_signal(devbroker):
    """turn ends when fd is readable, when a signal has come (even before it), and when the time is up."""
    reader, writer = os.pipe()
    wake, signals = os.pipe()
    with session(devbroker, wake_fd=wake) as opened:
        publisher = opened.publisher()
        started = time.monotonic()
        assert publisher.turn(0.2) == []
        assert 0.2 <= time.monotonic() - started < 1
        for pipe, fd in ((writer, reader), (signals, None)):
            os.write(pipe, b"\x02")
            started = time.monotonic()
            assert publisher.turn(5, fd) == []
            assert time.monotonic() - started < 1
    for fd in (reader, writer, wake, signals):
        os.close(fd)


def test_a_signal_during_a_question_is_kept(devbroker):
    """A signal that comes while an answer is waited for ends the next wait."""
    wake, signals = os.pipe()
    with session(devbroker, wake_fd=wake) as opened:
        os.write(signals, b"\x02")
        publisher = opened.publisher()
        started = time.monotonic()
        publisher.turn(5)
        assert time.monotonic() - started < 1
        started = time.monotonic()
        publisher.turn(0.3)
        assert time.monotonic() - started >= 0.3
    os.close(wake)
    os.close(signals)


def test_blocked(devbroker, make_queue):
    """A memory alarm is a visible state: not ready, with the broker's reason; afterwards all is confirmed."""
    name, _ = make_queue()
    with session(devbroker) as opened:
        publisher = opened.publisher()
        devbroker.eval("vm_memory_monitor:set_vm_memory_high_watermark(0.0001)")
        try:
            publisher.publish(f"{name}.x", message(b"1"))
            deadline = time.monotonic() + 10
            while publisher.blocked is None and time.monotonic() < deadline:
                publisher.turn(1)
            assert "memory" in publisher.blocked
            assert not publisher.ready
            assert publisher.in_flight == 1
        finally:
            devbroker.eval("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
        assert receipts(publisher)[0].outcome is Outcome.CONFIRMED
        assert publisher.blocked is None


def test_the_operator_closes_the_connection(devbroker):
    """A connection closed from outside is lost, with the reason given there."""
    with session(devbroker) as opened:
        publisher = opened.publisher()
        devbroker.ctl("close_all_connections", "--vhost", VHOST, "maintenance at noon")
        with pytest.raises(BrokerLost, match="maintenance at noon"):
            publisher.turn(10)
        with pytest.raises(BrokerLost):
            publisher.publish("demo.jobs.x", message())
