"""``dirac-mq-tail`` when its connection is lost, or too slow: it goes on, and says what it may have missed."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import bodies, publish, running
from support.faultproxy import FaultProxy
from support.queues import QueueFactory

LOST = "trying again in"
BACK = "dirac-mq-tail: dev: connected again\n"


def _tail(name: str, cfg: Path, proxy: FaultProxy, *flags: str) -> list[str]:
    return ["dirac-mq-tail", name, "--cfg", str(cfg), "-j", "-b", proxy.url, "--outage", "20s", *flags]


def test_copies_that_nobody_made(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """What reached the queue in between is not shown, and it is said from when to when; the rest is."""
    name, cfg = make_queue()
    with running(devbroker, _tail(name, cfg, fault_proxy, "-n", "2")) as command:
        command.says("following copies")
        publish(devbroker, name, "1")
        assert command.shows(b'"body":"1"').count(b"\n") == 1
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says(LOST)
        publish(devbroker, name, "2")
        fault_proxy.clear()
        command.says("is not shown", timeout=40)
        publish(devbroker, name, "3")
        done = command.end()
    assert (done.status, bodies(done)) == (0, ["3"])
    assert (done.stderr.count("following"), done.stderr.count(LOST), done.stderr.count(BACK)) == (1, 1, 1)
    gap = re.search(rf"warning: what reached dev::Queues::{name} between (\S+)Z and (\S+)Z is not shown\n", done.stderr)
    assert gap is not None
    assert re.fullmatch(r"\d\d:\d\d:\d\d", gap[1])
    assert devbroker.count(name) == 3


@pytest.mark.parametrize("flags", [("--offset", "first"), ("--last", "3"), ("--since", "1h"), ()])
def test_a_stream_goes_on_where_it_was(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, flags: tuple[str, ...]
) -> None:
    """Each message of a stream is shown once, whatever happened meanwhile, and nothing is said to be missing."""
    name, cfg = make_queue(type="stream")
    publish(devbroker, name, *"012")
    with running(devbroker, _tail(name, cfg, fault_proxy, "--idle", "3s", *flags)) as command:
        command.says("following the stream")
        publish(devbroker, name, *"34")
        first = command.shows(b'"body":"4"')
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says(LOST)
        publish(devbroker, name, *"56")
        fault_proxy.clear()
        command.says(BACK, timeout=40)
        publish(devbroker, name, *"78")
        done = command.end()
    assert done.status == 0
    shown = re.findall(rb'"body":"(\d)"', first) + [body.encode() for body in bodies(done)]
    assert b"".join(shown) == (b"012345678" if flags else b"345678")
    assert "is not shown" not in done.stderr


def test_a_stream_of_which_nothing_was_seen(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy
) -> None:
    """From now on, and nothing came: nobody knows where that was, and so it is said that something may be missing."""
    name, cfg = make_queue(type="stream")
    with running(devbroker, _tail(name, cfg, fault_proxy, "-n", "1")) as command:
        command.says("following the stream")
        fault_proxy.cut()
        command.says("is not shown", timeout=40)
        publish(devbroker, name, "1")
        assert (command.end().status, BACK in command.stderr) == (0, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_attempts(devbroker: Broker, fault_proxy: FaultProxy, number: signal.Signals) -> None:
    """It ends the wait at once."""
    with running(devbroker, ["dirac-mq-tail", "demo.jobs", "-b", fault_proxy.url, "--outage", "10m"]) as command:
        command.says("following")
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says(LOST)
        started = time.monotonic()
        command.signal(number)
        assert command.process.wait(10) == -number
        assert time.monotonic() - started < 5


def test_a_reader_that_is_too_slow(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Nobody reads what it shows while more comes than its private queue holds: it says so when it goes on, and shows
    the newest to the end; the publisher was never kept waiting."""
    name, cfg = make_queue()
    count = 25_000
    with running(devbroker, ["dirac-mq-tail", name, "--cfg", str(cfg), "-F", r"%{body}\n"]) as command:
        command.says("following")
        done = devbroker.command(
            ["dirac-mq-send", name, "--cfg", str(cfg), "-l"], input="".join(f"{n:050}\n" for n in range(count))
        )
        assert done.status == 0
        shown = command.shows(b"%050d" % (count - 1), timeout=60)
        command.signal(signal.SIGINT)
        stderr = command.end().stderr
    numbers = [int(line) for line in shown.split()]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == count - 1
    assert len(numbers) < count
    assert stderr.count("come faster than they are read: some may have been dropped\n") == 1
