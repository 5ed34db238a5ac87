"""``dirac-mq-peek``: looking takes nothing, loses nothing, and keeps the order."""

from __future__ import annotations

import signal
import time

import pytest
from support.broker import Broker
from support.commands import bodies, publish, repeated, running, shell, take
from support.queues import QueueFactory

NUMBERS = [str(number) for number in range(1, 31)]


def _filled(broker: Broker, make_queue: QueueFactory, kind: str, **options: str | int | None) -> tuple[str, str]:
    """A queue of that type that holds ``NUMBERS``, and its CFG."""
    name, cfg = make_queue(type=kind, **options)
    done = broker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-q", "-l"], input="\n".join(NUMBERS))
    assert done.status == 0, done.stderr
    broker.wait_count(name, len(NUMBERS))
    return name, str(cfg)


def _is_whole(broker: Broker, name: str) -> bool:
    """Whether ``NUMBERS`` are all there, in order."""
    broker.wait_count(name, len(NUMBERS))
    return [body.decode() for _, _, body in take(broker, name)] == NUMBERS


@pytest.mark.parametrize(
    ("limit", "said"),
    [(3, "with DeliveryLimit = 3"), (None, "whose DeliveryLimit the CS does not tell")],
)
def test_a_low_delivery_limit(devbroker: Broker, make_queue: QueueFactory, limit: int | None, said: str) -> None:
    """On a quorum queue whose limit is low or not known, peek refuses before it gets anything: 78, twenty times."""
    name, cfg = _filled(devbroker, make_queue, "quorum", DeliveryLimit=limit)
    done = repeated(devbroker, 20, "peek", "peeking", name, "--cfg", cfg, "-n", "3")
    said_each_time, statuses = done.stderr.splitlines()[:2], done.stderr.splitlines()[2::3]
    assert (done.stdout, statuses) == ("", ["78"] * 20)
    assert said in said_each_time[0]
    assert "or insist with --force" in said_each_time[1]
    devbroker.wait_count(name, len(NUMBERS))
    left = take(devbroker, name)
    assert [body.decode() for _, _, body in left] == NUMBERS
    assert not any(method.redelivered for method, _, _ in left)


def test_force(devbroker: Broker, make_queue: QueueFactory) -> None:
    """--force looks all the same."""
    name, cfg = _filled(devbroker, make_queue, "quorum", DeliveryLimit=3)
    done = devbroker.command(["dirac-mq-peek", name, "--cfg", cfg, "--force", "-n", "2", "-j"])
    assert (done.status, done.stderr, bodies(done)) == (0, "", ["1", "2"])
    assert _is_whole(devbroker, name)


@pytest.mark.parametrize(("kind", "limit"), [("quorum", 1_000_000), ("classic", None)])
def test_many_looks(devbroker: Broker, make_queue: QueueFactory, kind: str, limit: int | None) -> None:
    """A hundred looks show the same and leave all messages in order; none is dead-lettered."""
    devbroker.purge("demo.dead")
    name, cfg = _filled(devbroker, make_queue, kind, DeliveryLimit=limit, DeadLetterQueue="demo.dead")
    done = repeated(devbroker, 100, "peek", "peeking", name, "--cfg", cfg, "-n", "30", "-F", "%{body},")
    assert done.stderr == "0\n" * 100
    assert done.stdout == (",".join(NUMBERS) + ",") * 100
    assert devbroker.count("demo.dead") == 0
    assert _is_whole(devbroker, name)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_killed_while_looking(devbroker: Broker, make_queue: QueueFactory, kind: str) -> None:
    """SIGKILL in the middle, while messages are held, loses nothing and keeps the order."""
    name, cfg = make_queue(type=kind, DeliveryLimit=1_000_000 if kind == "quorum" else None)
    large = [str(number).encode() + bytes(500_000) for number in range(30)]  # to get them takes a while
    publish(devbroker, name, *large)
    devbroker.wait_count(name, len(large))
    with running(devbroker, ["dirac-mq-peek", name, "--cfg", str(cfg), "-n", "30", "-j", "-d"]) as command:
        command.says("RabbitMQ")  # logged in
        time.sleep(0.05)
        command.signal(signal.SIGKILL)
        command.process.wait(5)
    devbroker.wait_count(name, len(large))
    left = take(devbroker, name)
    assert [body for _, _, body in left] == large
    assert any(method.redelivered for method, _, _ in left), "it was not killed while it held any"


def test_no_more_than_there_is(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Fewer than -n is 4 with what there was; without -n ten are shown at most, and fewer are fine."""
    name, cfg = make_queue()
    publish(devbroker, name, *"abc")
    done = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-n", "5", "-j"])
    assert (done.status, bodies(done)) == (4, ["a", "b", "c"])
    assert done.stderr == f"dirac-mq-peek: error: 3 of 5 messages came from dev::Queues::{name}\n"
    plain = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j"])
    assert (plain.status, plain.stderr, bodies(plain)) == (0, "", ["a", "b", "c"])
    publish(devbroker, name, *"defghijkl")
    ten = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j"])
    assert bodies(ten) == list("abcdefghij")


def test_nothing_there(devbroker: Broker) -> None:
    """An empty queue is 3, at once."""
    devbroker.purge("demo.dead")
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-peek", "demo.dead"])
    assert (done.status, done.stdout) == (3, "")
    assert done.stderr == "dirac-mq-peek: error: nothing came from dev::Queues::demo.dead\n"
    assert time.monotonic() - started < 4


def test_a_stream(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A stream shows its first messages, again and again; an empty one is 3 long before the timeout."""
    name, cfg = make_queue(type="stream")
    argv = ["dirac-mq-peek", name, "--cfg", str(cfg), "-j"]
    started = time.monotonic()
    empty = devbroker.command(argv)
    assert (empty.status, empty.stdout) == (3, "")
    assert time.monotonic() - started < 5
    publish(devbroker, name, *"abc")
    for _ in range(2):
        done = devbroker.command([*argv, "-n", "2"])
        assert (done.status, done.stderr, bodies(done)) == (0, "", ["a", "b"])
    done = devbroker.command(argv)
    assert (done.status, done.stderr, bodies(done)) == (0, "", ["a", "b", "c"])


def test_a_reader_that_leaves(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Everything is back before the first is shown: whoever stops reading costs nothing."""
    name, cfg = _filled(devbroker, make_queue, "classic")
    done = shell(devbroker, f"dirac-mq-peek {name} --cfg {cfg} -n 30 -j | head -c 1; echo ${{PIPESTATUS[0]}}")
    assert done.stdout[0] == "{"
    assert done.stdout[1:].strip() in ("0", "141")
    assert done.stderr == ""
    full = shell(devbroker, f"dirac-mq-peek {name} --cfg {cfg} -n 30 > /dev/full")
    assert (full.status, full.stderr) == (
        74,
        "dirac-mq-peek: error: cannot write standard output: no space left on device\n",
    )
    assert _is_whole(devbroker, name)


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["demo.jobs", "--idle", "1s"], 2, "peek does not wait for messages"),
        (["dev::Exchanges::demo.events"], 2, "is an exchange: it holds no messages"),
        (["demo.jobs", "-F", "%"], 2, "--format: '%' at character 1 means nothing"),
    ],
)
def test_refused(devbroker: Broker, argv: list[str], status: int, said: str) -> None:
    """What makes no sense is refused in a sentence."""
    done = devbroker.command(["dirac-mq-peek", *argv])
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr


def test_a_pilot_may_not_look(devbroker: Broker) -> None:
    """Who may only publish is told so: 77, with the queue and the DN."""
    done = devbroker.command(["dirac-mq-peek", "demo.jobs"], "pilot")
    assert (done.status, done.stdout) == (77, "")
    assert "queue 'demo.jobs'" in done.stderr
    assert devbroker.dn("pilot") in done.stderr
