"""``Queue.peek`` and ``status``: what only looks changes nothing."""

from __future__ import annotations

import pytest
from support.broker import Broker
from support.commands import take
from support.programs import opened
from support.queues import QueueFactory

from diracmq_cli.errors import BrokerUnreachable, ConfigError


@pytest.mark.parametrize("options", [{}, {"type": "quorum", "DeliveryLimit": 1000000}], ids=["classic", "quorum"])
def test_peek(devbroker: Broker, make_queue: QueueFactory, options: dict[str, str]) -> None:
    """The next messages are shown, and all are in the queue again, in order, when it returns."""
    name, cfg = make_queue(**options)
    with opened(devbroker, name, cfg) as queue:
        assert queue.peek() == []
        queue.publish_many(str(n) for n in range(30))
        for _ in range(3):
            assert [message.text for message in queue.peek(20)] == [str(n) for n in range(20)]
        assert queue.peek(20)[0].origin.dn == devbroker.dn("user")
    devbroker.wait_count(name, 30)
    assert [body for _, _, body in take(devbroker, name)] == [str(n).encode() for n in range(30)]


def test_where_looking_loses(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A quorum queue whose limit is low or unknown is refused before anything is got, unless it is insisted on."""
    name, cfg = make_queue(type="quorum")
    with opened(devbroker, name, cfg) as queue:
        queue.publish("x")
        with pytest.raises(ConfigError, match="every look counts"):
            queue.peek()
        assert [message.redelivered for message in queue.peek(force=True)] == [False]


def test_status(devbroker: Broker, make_queue: QueueFactory) -> None:
    """How many are ready and who takes them, without taking any; a missing queue is a state."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        queue.publish_many("abc")
        assert (queue.status().ready, queue.status().consumers) == (3, 0)
        messages = queue.messages(prefetch=2)
        next(messages)
        state = queue.status()
        assert (state.ready, state.consumers, state.queue.name) == (1, 1, name)
        messages.close()
        with devbroker.channel("operator") as channel:
            channel.queue_delete(name)
        assert (queue.status().ready, queue.status().problem) == (None, "no such queue")


def test_no_broker(devbroker: Broker) -> None:
    """Both say why, soon."""
    with opened(devbroker, "demo.jobs", url="amqps://localhost:1/dirac") as queue:
        for look in (queue.peek, queue.status):
            with pytest.raises(BrokerUnreachable, match="connection refused"):
                look()
