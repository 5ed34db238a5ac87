"""A consumer and its broker: away at the start, gone in the middle, impatient, and several of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish
from support.consumers import Consumer, until
from support.faultproxy import FaultProxy
from support.queues import QueueFactory

ECHO = "class Module(ConsumerModule):\n    def execute(self, message):\n        write(message.text)\n"


def _through(proxy: FaultProxy) -> list[str]:
    service = "/Resources/MQServices/dev"
    return ["-o", f"{service}/Host=localhost", "-o", f"{service}/Port={proxy.port}"]


def test_a_broker_that_comes_and_goes(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, fault_proxy: FaultProxy
) -> None:
    """It waits for one that is not there yet, and comes back to one that was lost; each is told once."""
    name, cfg = make_queue()
    consumer = Consumer(devbroker, tmp_path, cfg, ECHO, Queues=name, RejectTo=tmp_path / "rejects")
    fault_proxy.refuse()
    with consumer.running(*_through(fault_proxy)) as process:
        process.says("connection refused; trying again in", timeout=60)
        fault_proxy.clear()
        process.says(": connected", timeout=60)
        publish(devbroker, name, "first")
        consumer.writes("first")
        fault_proxy.cut()
        publish(devbroker, name, "second")
        consumer.writes("second")
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert done.status == 0
    assert "1 reconnected" in done.stderr
    assert devbroker.count(name) == 0


def test_a_broker_that_is_killed(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """What was being executed then comes again: its acknowledgement was in vain, which is counted."""
    name, cfg = make_queue()
    code = """
class Module(ConsumerModule):
    def execute(self, message):
        write("begins")
        while not wrote("go"):
            time.sleep(0.01)
        write("ends")
"""
    consumer = Consumer(devbroker, tmp_path, cfg, code, Queues=name, RejectTo=tmp_path / "rejects")
    sent = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "x"])
    assert sent.status == 0, sent.stderr  # confirmed: what is not yet on its disk would die with the broker
    with consumer.running() as process:
        consumer.writes("begins")
        devbroker.kill()
        process.says("trying again in", timeout=60)
        with Path(consumer.environment["OUT"]).open("a") as out:
            out.write("go\n")
        devbroker.start()
        consumer.writes("ends", 2)
        until(lambda: devbroker.count(name) == 0, lambda: process.stderr)
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert done.status == 0
    assert "1 handled" in done.stderr
    assert "1 lost" in done.stderr


@pytest.fixture
def heartbeat(devbroker: Broker) -> Iterator[int]:
    """Seconds of silence after which the broker and its clients think each other gone; short for once."""
    before = devbroker.eval("element(2, application:get_env(rabbit, heartbeat)).").strip()
    devbroker.eval("application:set_env(rabbit, heartbeat, 1).")
    yield 1
    devbroker.eval(f"application:set_env(rabbit, heartbeat, {before}).")


def test_a_long_execution_keeps_its_connection(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, heartbeat: int
) -> None:
    """It takes many heartbeats' time, and is told at the start that the queue's ConsumerTimeout is shorter."""
    name, cfg = make_queue(ConsumerTimeout="8s")
    code = f"""
class Module(ConsumerModule):
    def execute(self, message):
        time.sleep({6 * heartbeat})
        write("done")
"""
    consumer = Consumer(
        devbroker,
        tmp_path,
        cfg,
        code,
        Queues=name,
        MaxMessages=1,
        ExecuteTimeout="10m",
        RejectTo=tmp_path / "rejects",
    )
    publish(devbroker, name, "x")
    with consumer.running() as process:
        process.says("ExecuteTimeout = 10m of", timeout=60)
        process.says("has been going on for", timeout=60)
        timeouts = devbroker.eval("[T || [{timeout, T}] <- rabbit_networking:connection_info_all([timeout])].")
        done = process.end(60)
    assert str(heartbeat) in timeouts
    assert done.status == 0
    assert consumer.written == ["done"]
    assert "longer than the 8s for which the broker lets a message of" in done.stderr
    assert "after 8s (ConsumerTimeout) the broker gives it to others" in done.stderr
    assert "1 handled" in done.stderr
    assert "reconnected" not in done.stderr
    assert devbroker.count(name) == 0


def test_two_services(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, fault_proxy: FaultProxy) -> None:
    """A queue of each; while one service is away, the other's messages are handled."""
    near, _ = make_queue()
    far, cfg = make_queue()
    consumer = Consumer(
        devbroker, tmp_path, cfg, ECHO, Queues=f"dev::Queues::{near}, far::Queues::{far}", RejectTo=tmp_path / "rejects"
    )
    service = "/Resources/MQServices/far"
    other = ["-o", f"{service}/Host=localhost", "-o", f"{service}/Port={fault_proxy.port}"]
    other += ["-o", f"{service}/VHost=dirac", "-o", f"{service}/Queues/{far}/Type=classic"]
    with consumer.running(*other) as process:
        publish(devbroker, near, "near 1")
        publish(devbroker, far, "far 1")
        consumer.writes("near 1")
        consumer.writes("far 1")
        fault_proxy.refuse()
        fault_proxy.cut()
        process.says("trying again in", timeout=60)
        publish(devbroker, far, "far 2")
        publish(devbroker, near, "near 2")
        consumer.writes("near 2")
        fault_proxy.clear()
        consumer.writes("far 2")
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert done.status == 0
    assert "4 handled" in done.stderr
    assert "1 reconnected" in done.stderr


def test_what_waits_too_long_comes_again(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A message that is put off for longer than the broker bears goes back to its queue, and waits again."""
    name, cfg = make_queue(ConsumerTimeout="2s")
    code = """
class Module(ConsumerModule):
    def execute(self, message):
        write("at", time.monotonic(), message.redelivered)
        if not message.redelivered:
            raise Retry(after=4)
"""
    consumer = Consumer(devbroker, tmp_path, cfg, code, Queues=name, MaxMessages=1, RejectTo=tmp_path / "rejects")
    publish(devbroker, name, "x")
    done = consumer.run()
    assert done.status == 0
    first, second = (line.split() for line in consumer.written)
    assert (first[2], second[2]) == ("False", "True")
    assert float(second[1]) - float(first[1]) >= 4
    assert "RetryDelay" not in done.stderr


def test_a_queue_that_is_made_anew(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Once it has been read, a queue that is deleted, or whose rights are gone, is waited for."""
    name, cfg = make_queue()
    consumer = Consumer(devbroker, tmp_path, cfg, ECHO, Queues=name, RejectTo=tmp_path / "rejects")
    publish(devbroker, name, "before")
    with consumer.running() as process:
        consumer.writes("before")
        with devbroker.channel("operator") as channel:
            channel.queue_delete(name)
        process.says("was deleted while we were reading it; trying again in", timeout=60)
        make_queue.apply()
        publish(devbroker, name, "after")
        consumer.writes("after")
        process.signal(signal.SIGTERM)
        assert process.end(60).status == 0
