"""What the layout and the rights amount to on a real broker, tried by a client that shares no code with ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pika
import pytest
from support.broker import Broker
from support.commands import rows

Action = Callable[[Any], object]


def refusal(devbroker: Broker, role: str, action: Action) -> int | None:
    """The AMQP reply code with which the broker refuses an action, or None when it does it."""
    with devbroker.channel(role) as channel:
        try:
            action(channel)
        except pika.exceptions.ChannelClosedByBroker as error:
            return int(error.reply_code)
    return None


def publish(exchange: str, key: str = "k") -> Action:
    return lambda channel: channel.basic_publish(exchange, key, b"x", mandatory=True)


def get(queue: str) -> Action:
    return lambda channel: channel.basic_get(queue, auto_ack=True)


def tail(queue: str) -> Action:
    def follow(channel: Any) -> None:
        name = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(name, f"{queue}.tap", "#")

    return follow


class Two(NamedTuple):
    """Queues, and the CFG that knows both."""

    b: str
    c: str
    cfg: Path


@pytest.fixture
def two(make_queue):
    """Two queues, B and C. User may do everything on both, pilot publishes to both."""
    (b, _), (c, cfg) = make_queue(), make_queue()
    return Two(b, c, cfg)


@pytest.mark.parametrize(
    ("role", "action", "code"),
    [
        ("user", lambda b: publish(f"{b}.x"), None),
        ("user", get, None),
        ("user", tail, None),
        ("pilot", lambda b: publish(f"{b}.x"), None),
        ("pilot", get, 403),
        ("pilot", tail, 403),
        ("pilot", lambda b: lambda channel: channel.queue_purge(b), 403),
        ("user", lambda b: publish("", key=b), 403),
        ("user", lambda b: publish(f"{b}.tap"), 403),
        ("user", lambda b: lambda channel: channel.queue_delete(b), 403),
        ("user", lambda b: lambda channel: channel.exchange_delete(f"{b}.x"), 403),
        ("user", lambda b: lambda channel: channel.queue_declare("mine", durable=True), 403),
        ("user", lambda b: lambda channel: channel.exchange_declare("mine"), 403),
        ("user", lambda b: lambda channel: channel.queue_bind(b, f"{b}.tap", "#"), 403),
        ("operator", lambda b: publish("", key=b), None),
    ],
)
def test_rights(devbroker, two, role, action, code):
    """Publishers publish and nothing else; consumers take, watchers tail; nobody uses the default exchange."""
    assert refusal(devbroker, role, action(two[0])) == code


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda ch, b, c: ch.queue_unbind(b, f"{b}.x", "#"), id="unbind a queue from its exchange"),
        pytest.param(lambda ch, b, c: ch.queue_bind(c, f"{b}.x", "#"), id="splice by binding a queue"),
        pytest.param(lambda ch, b, c: ch.exchange_bind(f"{c}.x", f"{b}.x", "#"), id="splice exchange to exchange"),
        pytest.param(lambda ch, b, c: ch.exchange_bind(f"{c}.tap", f"{b}.tap", "#"), id="splice tap to tap"),
        pytest.param(lambda ch, b, c: ch.exchange_unbind(f"{b}.tap", f"{b}.x", "#"), id="blind the watchers"),
        pytest.param(lambda ch, b, c: ch.queue_bind(c, f"{b}.tap", "#"), id="splice a tap into a queue"),
    ],
)
def test_nobody_but_an_administrator_can_splice(devbroker, two, attack):
    """Whoever publishes, consumes and watches both queues still cannot lead one's messages into the other, nor away."""
    b, c, _ = two
    assert refusal(devbroker, "user", lambda channel: attack(channel, b, c)) == 403
    with devbroker.channel("pilot") as channel:
        channel.basic_publish(f"{b}.x", "k", b"x", mandatory=True)
    assert (devbroker.count(b), devbroker.count(c)) == (1, 0)


def splice_by_binding(channel: Any, b: str, c: str) -> None:
    channel.exchange_bind(f"{c}.x", f"{b}.tap", "#")


def splice_by_dead_letters(channel: Any, b: str, c: str) -> None:
    arguments = {"x-dead-letter-exchange": f"{c}.x", "x-message-ttl": 0}
    private = channel.queue_declare("", exclusive=True, arguments=arguments)
    channel.queue_bind(private.method.queue, f"{b}.tap", "#")


@pytest.mark.parametrize(
    ("splice", "reason"),
    [
        (splice_by_binding, "rerouted: came through exchange '{b}.x', which does not feed {c}"),
        (splice_by_dead_letters, "rerouted: died in amq.gen-"),
    ],
)
def test_what_can_be_spliced_all_the_same_is_shown_as_rerouted(devbroker, two, splice, reason):
    """Whoever publishes to C and watches B can lead B's messages into C, and they keep the user_id of who sent them:
    readers of C see that they came another way, and do not take them for his.
    """
    b, c, cfg = two
    pilot = devbroker.dn("pilot")
    with devbroker.channel("user") as channel:
        splice(channel, b, c)
        with devbroker.channel("pilot") as sender:
            sender.basic_publish(f"{b}.x", "k", b"of the pilot", pika.BasicProperties(user_id=pilot))
        devbroker.wait_count(c, 1)
    (row,) = rows(devbroker.command(["dirac-mq", "peek", c, "-j", "--cfg", str(cfg)]))
    assert (row["body"], row["properties"]["user_id"]) == ("of the pilot", pilot)
    assert row["origin"]["level"] is None
    assert row["origin"]["reason"].startswith(reason.format(b=b, c=c))
    with devbroker.channel("pilot") as channel:
        channel.basic_publish(f"{c}.x", "k", b"to where it is", pika.BasicProperties(user_id=pilot))
    *_, straight = rows(devbroker.command(["dirac-mq", "peek", c, "-j", "-n", "2", "--cfg", str(cfg)]))
    assert straight["origin"] == {"level": "broker", "dn": pilot}


def test_a_durable_private_queue_does_not_stay(devbroker):
    """What a watcher could leave behind, a durable amq.gen-* queue, falls under the policy that ends it."""
    with devbroker.channel("user") as channel:
        name = channel.queue_declare("", durable=True).method.queue
    policy = devbroker.eval(
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"dirac">>, queue, <<"{name}">>)), rabbit_policy:name(Q)'
    )
    with devbroker.channel("operator") as channel:
        channel.queue_delete(name)
    assert policy == '<<"dirac-mq-tail">>'


def test_names_do_not_match_their_likes(devbroker, make_queue):
    """A right on ``a.b+c`` is no right on ``aXb+c``, which an unescaped name would match."""
    make_queue(name="a.b+c")
    make_queue(name="aXb+c", Publishers=None, Consumers=None, Watchers=None)
    assert refusal(devbroker, "user", publish("a.b+c.x")) is None
    assert refusal(devbroker, "user", publish("aXb+c.x")) == 403
    assert refusal(devbroker, "user", get("aXb+c")) == 403


def test_a_stream_is_read_by_its_watchers(devbroker, make_queue):
    """Consuming a stream takes read on it and nothing more."""
    name, _ = make_queue(type="stream", Consumers=None)

    def follow(channel: Any) -> None:
        channel.basic_qos(prefetch_count=10)
        channel.basic_consume(name, lambda *_: None, arguments={"x-stream-offset": "first"})

    assert refusal(devbroker, "user", follow) is None
    assert refusal(devbroker, "pilot", follow) == 403


def test_dead_letters_arrive(devbroker, make_queue):
    """What is rejected arrives in the queue that the CS names, through that queue's exchange, from both types."""
    dead, _ = make_queue(Publishers=None)
    for kind in ("classic", "quorum"):
        name, _ = make_queue(type=kind, DeadLetterQueue=dead)
        with devbroker.channel("user") as channel:
            channel.basic_publish(f"{name}.x", kind, b"x", mandatory=True)
            method = next(channel.consume(name, inactivity_timeout=5))[0]
            channel.basic_reject(method.delivery_tag, requeue=False)
            devbroker.wait_count(dead, 1)
            method, properties, _ = channel.basic_get(dead, auto_ack=True)
        assert (method.exchange, method.routing_key) == (f"{dead}.x", kind)
        assert properties.headers["x-death"][0]["queue"] == name


def test_there_is_no_guest_and_no_unknown(devbroker):
    """A good certificate of somebody whom the CS does not name is refused at login, as is RabbitMQ's default user."""
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        devbroker.client("stranger")
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        devbroker.client("user", credentials=pika.PlainCredentials("guest", "guest"))


def test_nobody_logs_in_by_password_as_a_person(devbroker):
    """A user that has only a certificate has no password, not even an empty one."""
    for password in ("", "x"):
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            devbroker.client("user", credentials=pika.PlainCredentials(devbroker.dn("user"), password))


def test_a_server_logs_in_by_password(devbroker):
    """The server of server.cfg presents the host certificate and logs in by password, with rights of its own."""
    text = devbroker.layout.server_cfg.read_text()
    password = text.partition("Password = ")[2].split()[0]
    connection = devbroker.client(
        credential=devbroker.layout.host_certificate,
        key=devbroker.layout.host_key,
        credentials=pika.PlainCredentials("monitor", password),
    )
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("demo.metrics.x", "k", b"1", pika.BasicProperties(user_id="monitor"), mandatory=True)
    assert channel.basic_get("demo.metrics", auto_ack=True)[2] == b"1"
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
        channel.basic_get("demo.jobs")
    connection.close()
