"""``Queue.messages`` and ``consume``: what leaves the queue, what goes back, and what never reaches the program."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish, take
from support.faultproxy import FaultProxy
from support.programs import opened
from support.queues import QueueFactory

from diracmq_cli.api import Message, OnFail, OnUntrusted, OriginLevel, Outgoing, TrustOptions
from diracmq_cli.errors import (
    BrokerUnreachable,
    ConfigError,
    DataError,
    PermissionDenied,
    UnknownDestination,
    UsageError,
)


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this test's programs remember what they took."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def _left(broker: Broker, name: str) -> list[str]:
    return [body.decode() for _, _, body in take(broker, name)]


def test_one_by_one(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A message says what it is and whose, and leaves the queue when it is acknowledged."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        queue.publish_many([Outgoing("1", headers={"n": 1}, routing_key="k"), "2"])
        messages = queue.messages(drain=True)
        message = next(messages)
        assert (message.body, message.text, message.headers["n"], message.routing_key) == (b"1", "1", 1, "k")
        assert (message.origin.level, message.origin.dn) == (OriginLevel.BROKER, devbroker.dn("user"))
        assert not message.redelivered
        with pytest.raises(UsageError, match="still in hand"):
            next(messages)
        assert _left(devbroker, name) == ["1", "2"]  # asking too early ended it, and put all back


@pytest.mark.parametrize("prefetch", [1, 10])
def test_every_settlement(devbroker: Broker, make_queue: QueueFactory, prefetch: int) -> None:
    """ack and reject take a message out, requeue puts it back; settling twice is refused."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    with opened(devbroker, name, cfg) as queue:
        queue.publish_many("abc")
        seen = []
        for message in queue.messages(drain=True, prefetch=prefetch):
            seen.append(message.text)
            if message.text == "a":
                assert message.ack()
            elif message.text == "b" and not message.redelivered:
                assert message.requeue()
            else:
                assert message.reject("not for us")
            with pytest.raises(UsageError, match="settled already"):
                message.ack()
    assert sorted(seen) == ["a", "b", "b", "c"]
    assert _left(devbroker, name) == []
    assert sorted(_left(devbroker, dead)) == ["b", "c"]


@pytest.mark.parametrize("type_", ["classic", "quorum"])
def test_a_loop_that_is_left(devbroker: Broker, make_queue: QueueFactory, type_: str) -> None:
    """What was in hand and what was taken ahead is back when the loop is left; in order, but for quorum queues."""
    name, cfg = make_queue(type=type_)
    with opened(devbroker, name, cfg) as queue:
        queue.publish_many(str(n) for n in range(20))
        for message in queue.messages(prefetch=5, auto_ack=True):
            if message.text == "3":
                break
        devbroker.wait_count(name, 17)
        with pytest.raises(UsageError, match="is back in"):
            message.ack()
        held = queue.messages(prefetch=5)
        next(held)
    devbroker.wait_count(name, 17)  # close, too
    left = _left(devbroker, name)
    assert (left if type_ == "classic" else sorted(left, key=int)) == [str(n) for n in range(3, 20)]


def test_limits(devbroker: Broker, make_queue: QueueFactory) -> None:
    """count takes so many and no more; idle and timeout end a wait; two readings at a time are refused."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        queue.publish_many("abcde")
        assert [message.text for message in queue.messages(count=2, prefetch=10, auto_ack=True)] == ["a", "b"]
        assert devbroker.count(name) == 3
        assert [message.text for message in queue.messages(idle=0.3, auto_ack=True)] == ["c", "d", "e"]
        started = time.monotonic()
        assert list(queue.messages(timeout=0.5)) == []
        assert 0.4 < time.monotonic() - started < 10
        queue.publish("f")
        first = queue.messages()
        assert next(first).text == "f"
        with pytest.raises(UsageError, match="is being read already"):
            queue.messages()


def test_a_callback(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Its return acknowledges; an exception puts the message back and comes out of consume."""
    name, cfg = make_queue()
    seen: list[str] = []

    def work(message: Message) -> None:
        seen.append(message.text)
        if message.text == "3" and not message.redelivered:
            raise ZeroDivisionError

    with opened(devbroker, name, cfg) as queue:
        queue.publish_many("12345")
        with pytest.raises(ZeroDivisionError):
            queue.consume(work, prefetch=3)
        devbroker.wait_count(name, 3)
        assert seen == ["1", "2", "3"]
        assert queue.consume(work, drain=True).acked == 3
    assert seen == ["1", "2", "3", "3", "4", "5"]
    assert _left(devbroker, name) == []


def test_a_callback_that_fails_and_goes_on(devbroker: Broker, make_queue: QueueFactory) -> None:
    """on_fail says what becomes of a message whose callback raised; the others are taken."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)

    def work(message: Message) -> None:
        if message.text == "2" and not message.redelivered:
            raise ZeroDivisionError

    with opened(devbroker, name, cfg) as queue:
        queue.publish_many("123")
        again = queue.consume(work, drain=True, on_fail=OnFail.REQUEUE)
        assert (again.acked, again.requeued, again.rejected) == (3, 1, 0)
        queue.publish_many("123")
        given_up = queue.consume(work, drain=True, on_fail=OnFail.DEAD)
        assert (given_up.acked, given_up.requeued, given_up.rejected) == (2, 0, 1)
    assert _left(devbroker, dead) == ["2"]


def test_nothing_is_destroyed(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Without a dead-letter queue a rejection is refused, and the message is still in hand; a directory takes it."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        queue.publish("x")
        with pytest.raises(ConfigError, match="dead-letter"):
            queue.consume(lambda message: None, on_fail=OnFail.DEAD)
        for message in queue.messages(count=1):
            with pytest.raises(ConfigError, match="would destroy it"):
                message.reject()
            message.requeue()
            break
        rejects = tmp_path / "rejects"
        rejects.mkdir()
        for message in queue.messages(count=1, reject_to=str(rejects)):
            message.reject("not for us")
    assert _left(devbroker, name) == []
    envelopes = [json.loads(file.read_text()) for file in rejects.glob("*.json")]
    assert [envelope["body"] for envelope in envelopes] == ["x"]
    assert [file.read_text().splitlines()[1] for file in rejects.glob("*.reason")] == ["not for us"]


def test_whose_messages_are_taken(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """What is not good enough never reaches the program: it goes to the directory, or ends the reading."""
    name, cfg = make_queue()
    rejects = tmp_path / "rejects"
    rejects.mkdir()
    trust = TrustOptions(require=OriginLevel.SIGNED)
    with opened(devbroker, name, cfg, trust=trust) as queue, opened(devbroker, name, cfg, sign=True) as signing:
        queue.publish("weak")
        signing.publish("good")
        with pytest.raises(DataError, match="is not accepted"):
            list(queue.messages(drain=True, auto_ack=True))
        assert devbroker.count(name) == 2
        assert [message.text for message in queue.peek()] == ["good"]
        texts = [m.text for m in queue.messages(drain=True, auto_ack=True, reject_to=str(rejects))]
    assert texts == ["good"]
    assert len(list(rejects.glob("*.json"))) == 1


def test_held_back(devbroker: Broker, make_queue: QueueFactory) -> None:
    """on_untrusted=KEEP puts them back in the end, and would never do so without an end."""
    name, cfg = make_queue()
    publish(devbroker, name, "claimed")
    with opened(devbroker, name, cfg, trust=TrustOptions(require=OriginLevel.BROKER)) as queue:
        queue.publish("good")
        with pytest.raises(UsageError):
            queue.messages(on_untrusted=OnUntrusted.KEEP)
        taken = list(queue.messages(drain=True, auto_ack=True, on_untrusted=OnUntrusted.KEEP))
    assert [message.text for message in taken] == ["good"]
    assert _left(devbroker, name) == ["claimed"]


def test_once_only(devbroker: Broker, make_queue: QueueFactory, state_home: Path) -> None:
    """A signed message that was taken is dropped when it comes again, also in a later reading."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg, sign=True) as queue:
        queue.publish_many([Outgoing("x", message_id="one")])
        queue.publish_many([Outgoing("x", message_id="one")])
        assert len(list(queue.messages(drain=True, once=True, auto_ack=True, prefetch=5))) == 1
        queue.publish(Outgoing("x", message_id="one"))
        queue.publish(Outgoing("y", message_id="two"))
        assert [m.text for m in queue.messages(drain=True, once=True, auto_ack=True)] == ["y"]
    assert list(state_home.rglob("*"))
    assert _left(devbroker, name) == []


def test_a_killed_connection(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """The message in hand comes again, its settlement says so, and the loop goes on over another connection."""
    name, cfg = make_queue()
    seen = []
    with opened(devbroker, name, cfg, url=fault_proxy.url, outage=10) as queue:
        queue.publish_many("123")
        for message in queue.messages(count=3):
            seen.append(message.text)
            if message.text == "2" and seen.count("2") == 1:
                fault_proxy.cut()
                devbroker.wait_count(name, 2)
                assert not message.ack()
            else:
                assert message.ack()
    assert seen == ["1", "2", "2", "3"]
    assert _left(devbroker, name) == []


def test_an_outage_ends_it(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """A loss that lasts longer than ``outage`` is the loop's error; so is a first connection that fails."""
    name, cfg = make_queue()
    publish(devbroker, name, "1")
    with opened(devbroker, name, cfg, url=fault_proxy.url, outage=0.5) as queue:
        messages = queue.messages(auto_ack=True)
        next(messages)
        fault_proxy.refuse()
        fault_proxy.cut()
        with pytest.raises(BrokerUnreachable):
            next(messages)
        with pytest.raises(BrokerUnreachable, match="connection refused"):
            next(queue.messages())


def test_a_program_that_thinks(devbroker: Broker, make_queue: QueueFactory) -> None:
    """While it does, the connection is served: the broker's pings are answered. A queue that goes away is told."""
    name, cfg = make_queue()
    with opened(devbroker, name, cfg) as queue:
        queue.publish("x")
        messages = queue.messages(auto_ack=True)
        next(messages)
        with devbroker.channel("operator") as channel:
            channel.queue_delete(name)
        with pytest.raises(UnknownDestination, match="deleted"):
            next(messages)


def test_what_cannot_be_read(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A stream, an exchange and a queue of others are refused, the first two before anything is dialled."""
    stream, cfg = make_queue(type="stream")
    with opened(devbroker, stream, cfg) as queue, pytest.raises(UsageError, match="is a stream"):
        queue.messages()
    with opened(devbroker, "dev::Exchanges::demo.events") as queue:
        for refused in (queue.messages, queue.peek, queue.status):
            with pytest.raises(UsageError, match="is an exchange"):
                refused()
    name, cfg = make_queue()
    with opened(devbroker, name, cfg, role="pilot") as queue, pytest.raises(PermissionDenied):
        next(queue.messages())


def test_from_queue_to_queue(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Two queues at once: what is taken from one is confirmed in the other before it is acknowledged."""
    one, _ = make_queue()
    two, cfg = make_queue()
    with opened(devbroker, one, cfg) as source, opened(devbroker, two, cfg) as results:
        source.publish_many(str(n) for n in range(50))
        source.consume(lambda message: results.publish(message.text + "!"), drain=True, prefetch=10)
    assert _left(devbroker, one) == []
    assert _left(devbroker, two) == [f"{n}!" for n in range(50)]
