"""From the CS's queues to exchanges, queues, bindings and policies."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.specs import OTHER_SERVICE, SERVICE, exchange, queue

from diracmq_cli.admin.definitions import definitions
from diracmq_cli.admin.topology import DELIVERY_LIMIT, Binding, Exchange, Topology, lay_out, on_broker
from diracmq_cli.core.model import Binding as Source
from diracmq_cli.core.model import ExchangeType, MessagingModel, Overflow, QueueSpec, QueueType
from diracmq_cli.errors import ConfigError


def laid_out(*queues: QueueSpec, **more: object) -> Topology:
    return lay_out(MessagingModel(queues=queues, services=(SERVICE,), **more))  # type: ignore[arg-type]


def arguments(spec: QueueSpec, *others: QueueSpec) -> dict[str, object]:
    found = {q.name: dict(q.arguments) for q in laid_out(spec, *others).queues}
    return found[spec.name]


def test_a_queue_gets_its_exchange_and_its_tap():
    """NAME.x is bound to NAME and NAME.tap by ``#``; the tap is internal, so that nobody can publish to it."""
    topology = laid_out(queue("jobs"))
    assert topology.exchanges == (Exchange("/", "jobs.tap", internal=True), Exchange("/", "jobs.x"))
    assert topology.bindings == (
        Binding("/", "jobs.x", "jobs", "#"),
        Binding("/", "jobs.x", "jobs.tap", "#", to_exchange=True),
    )


def test_a_stream_has_no_tap():
    """A stream's watchers read the stream."""
    topology = laid_out(queue("log", type=QueueType.STREAM))
    assert [e.name for e in topology.exchanges] == ["log.x"]
    assert topology.bindings == (Binding("/", "log.x", "log", "#"),)


def test_further_sources_feed_queue_and_tap_alike():
    """What Bindings lets into the queue is what watchers see."""
    spec = queue("jobs", bindings=(Source("events", "job.#"),))
    topology = laid_out(spec, exchanges=(replace(exchange("events"), type=ExchangeType.TOPIC),))
    assert Binding("/", "events", "jobs", "job.#") in topology.bindings
    assert Binding("/", "events", "jobs.tap", "job.#", to_exchange=True) in topology.bindings


def test_an_unknown_source_is_refused():
    """A binding to an exchange that nobody describes would fail on the broker, or worse, find a stranger's."""
    with pytest.raises(ConfigError, match="Bindings names the exchange events"):
        laid_out(queue("jobs", bindings=(Source("events", "#"),)))


def test_dead_letters_go_through_the_other_queues_exchange():
    """Dead letters reach the queue that the CS names, through its own exchange, so that readers know the way."""
    assert arguments(queue("jobs", dead_letter_queue="dead"), queue("dead")) == {
        "x-queue-type": "classic",
        "x-dead-letter-exchange": "dead.x",
    }


def test_dead_letters_of_a_quorum_queue_are_not_lost():
    """At-least-once needs reject-publish."""
    found = arguments(queue("jobs", type=QueueType.QUORUM, dead_letter_queue="dead"), queue("dead"))
    assert found["x-dead-letter-strategy"] == "at-least-once"
    assert found["x-overflow"] == "reject-publish"


def test_a_quorum_queue_that_drops_its_head_keeps_doing_so():
    """What the CS says explicitly stands; at-least-once does not go with it."""
    spec = queue("jobs", type=QueueType.QUORUM, dead_letter_queue="dead", overflow=Overflow.DROP_HEAD)
    found = arguments(spec, queue("dead"))
    assert found["x-overflow"] == "drop-head"
    assert "x-dead-letter-strategy" not in found


def test_dead_letters_to_nowhere_are_refused():
    """A dead-letter queue that does not exist destroys messages."""
    with pytest.raises(ConfigError, match="DeadLetterQueue names dead"):
        laid_out(queue("jobs", dead_letter_queue="dead"))


@pytest.mark.parametrize(("limit", "argument"), [(None, DELIVERY_LIMIT), (3, 3)])
def test_a_quorum_queue_always_has_a_delivery_limit(limit, argument):
    """The default of RabbitMQ 4 would dead-letter what is looked at often."""
    assert arguments(queue("jobs", type=QueueType.QUORUM, delivery_limit=limit))["x-delivery-limit"] == argument


def test_limits_in_the_brokers_units():
    """Milliseconds and octets."""
    spec = queue("jobs", message_ttl=1.5, max_length=10, max_length_bytes=4096, max_priority=5)
    assert arguments(spec) == {
        "x-queue-type": "classic",
        "x-message-ttl": 1500,
        "x-max-length": 10,
        "x-max-length-bytes": 4096,
        "x-max-priority": 5,
    }


def test_two_queues_of_one_name_are_refused():
    """Two sections that would declare one queue in two ways are an error that names the second."""
    twin = queue("jobs", replace(SERVICE, name="twin"))
    with pytest.raises(ConfigError, match="another queue of this broker is called jobs"):
        laid_out(queue("jobs"), twin)


def test_one_broker_of_several():
    """Services that share a host are one broker; the others are left out."""
    twin = replace(SERVICE, name="twin", vhost="v")
    model = MessagingModel(
        queues=(queue("a"), queue("b", twin), queue("c", OTHER_SERVICE)), services=(SERVICE, twin, OTHER_SERVICE)
    )
    part = on_broker(model, SERVICE)
    assert [q.name for q in part.queues] == ["a", "b"]
    assert lay_out(part).vhosts == ("/", "v")


def test_definitions_do_not_depend_on_the_order_of_the_cs():
    """Two renderings of one CS are the same octets."""
    a, b = queue("a"), queue("b", dead_letter_queue="a")
    assert definitions(laid_out(a, b)) == definitions(laid_out(b, a))


def test_private_queues_are_bounded():
    """Whoever may tail could leave durable amq.gen-* queues behind: a policy ends and bounds them."""
    (policy,) = json.loads(definitions(laid_out(queue("a"))))["policies"]
    assert policy["pattern"] == "^amq\\.gen-"
    assert set(policy["definition"]) == {"expires", "max-length", "max-length-bytes"}
