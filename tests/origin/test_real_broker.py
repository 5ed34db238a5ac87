"""Signed messages through a real RabbitMQ: what it does to a message on the way leaves the signature true."""

from __future__ import annotations

import time
from dataclasses import replace
from decimal import Decimal

import pytest
from support.adapter import receipts, session, spec_of, take
from support.broker import Broker
from support.origin_world import a_message, credential
from support.queues import QueueFactory

from diracmq_cli.core.message import Delivery, Message, Outcome
from diracmq_cli.core.model import OriginLevel, QueueSpec
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import OpaqueString, Table, Timestamp
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.credentials import TrustStore
from diracmq_cli.errors import VerificationError
from diracmq_cli.origin import Signer, Verifier

SCALARS: Table = {
    "int": 1,
    "large": 2**62,
    "double": 0.5,
    "flag": True,
    "text": "ü",
    "opaque": OpaqueString(b"\xff"),
    "octets": b"\x00\xff",
    "time": Timestamp(1795485483),
    "nothing": None,
}
"""What streams of RabbitMQ 3.10 keep: they drop lists and tables, and count the milliseconds of a time."""

ALL: Table = {
    **SCALARS,
    "far": Timestamp(2**63),
    "decimal": Decimal("1.50"),
    "list": [1, 1.0, True, None],
    "table": {"a": {"b": [b"x"]}},
}


def signed_for(broker: Broker, queue: QueueSpec, headers: Table, role: str = "user") -> Message:
    dn = broker.dn(role)
    signer = Signer.of(credential(broker.layout.proxy(role)), many=True, now=time.time())  # type: ignore[arg-type]
    message = a_message(dn, body=bytes(range(256)), headers=headers, priority=3, expiration="60000000")
    return signer.sign(message, service=queue.service.name, destination=queue.address)


def publish(broker: Broker, queue: QueueSpec, message: Message, role: str = "user") -> None:
    with session(broker, role) as opened:
        publisher = opened.publisher()
        publisher.publish(queue.exchange, message)
        assert [receipt.outcome for receipt in receipts(publisher)] == [Outcome.CONFIRMED]


def read_one(broker: Broker, queue: QueueSpec, *, reject: bool = False) -> Delivery:
    with session(broker) as opened:
        if queue.type == "stream":
            receiver = opened.stream_reader(queue, offset="first", prefetch=1)
        else:
            receiver = opened.consumer(queue, limit=1)
        (delivery,) = take(receiver, 1)
        (receiver.reject if reject else receiver.ack)(delivery)
    return delivery


def verify(broker: Broker, delivery: Delivery) -> Verdict:
    verifier = Verifier(TrustStore(str(broker.layout.certificates)), time.time)
    return verifier.verify(delivery, services={"dev"})


@pytest.mark.parametrize(("kind", "headers"), [("classic", ALL), ("quorum", ALL), ("stream", SCALARS)])
def test_every_queue_type_and_header_type(
    kind: str, headers: Table, devbroker: Broker, make_queue: QueueFactory
) -> None:
    """A message with every type of header that the queue keeps is still the one that was signed."""
    name, cfg = make_queue(type=kind)
    queue = spec_of(devbroker, name, cfg)
    publish(devbroker, queue, signed_for(devbroker, queue, headers))
    delivery = read_one(devbroker, queue)

    assert verify(devbroker, delivery) == Verdict(level=OriginLevel.SIGNED, dn=devbroker.dn("user"))


def test_a_dead_letter_of_two_deaths(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Rejected twice, a message has another exchange, another routing key and no expiration, and is still signed."""
    last, _ = make_queue(name=f"origin-{time.time_ns()}.last")
    middle, _ = make_queue(DeadLetterQueue=last)
    first, cfg = make_queue(DeadLetterQueue=middle)
    queues = {name: spec_of(devbroker, name, cfg) for name in (first, middle, last)}
    publish(devbroker, queues[first], signed_for(devbroker, queues[first], ALL))
    read_one(devbroker, queues[first], reject=True)
    read_one(devbroker, queues[middle], reject=True)
    delivery = read_one(devbroker, queues[last])

    deaths = delivery.message.headers["x-death"]
    assert isinstance(deaths, list)
    assert len(deaths) == 2
    assert verify(devbroker, delivery).level is OriginLevel.SIGNED


def test_another_who_sends_it_again(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Whoever read a signed message and sends it again under his own name is found out by the broker's user_id."""
    name, cfg = make_queue()
    queue = spec_of(devbroker, name, cfg)
    publish(devbroker, queue, signed_for(devbroker, queue, {}))
    seen = read_one(devbroker, queue).message
    publish(devbroker, queue, replace(seen, properties=replace(seen.properties, user_id=None)), role="pilot")
    with pytest.raises(VerificationError) as caught:
        verify(devbroker, read_one(devbroker, queue))
    assert caught.value.reason is Refusal.USER_ID
