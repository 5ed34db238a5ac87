"""A chain of three consumers, each forwarding to the next one's queue, while they and the broker are killed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import Running
from support.consumers import Consumer
from support.programs import opened
from support.queues import QueueFactory

from diracmq_cli.api import Outgoing

STAGES = 3
PATIENCE = 600.0
"""Seconds for a step forward of the whole; not a measure of anything."""

STAGE = """
class Module(ConsumerModule):
    def execute(self, message):
        if message.text.startswith(f"poison {self.option('Stage', 0)} "):
            raise Reject(f"poison of stage {self.option('Stage', 0)}")
        message.forward(self.option("To", ""))
"""


class Chain:
    """Its queues, its consumers, and the processes that run now."""

    def __init__(self, broker: Broker, make_queue: QueueFactory, directory: Path) -> None:
        self.broker = broker
        self.dead, _ = make_queue(Movers="group:dirac_user")
        self.queues = [make_queue(DeadLetterQueue=self.dead)[0] for _ in range(STAGES)]
        self.end, self.cfg = make_queue()
        following = [*self.queues[1:], self.end]
        self._consumers = [
            Consumer(
                broker,
                directory,
                self.cfg,
                STAGE,
                Queues=queue,
                Stage=number,
                To=to,
                Concurrency=8,
                Prefetch=64,
                MaxTries=1000,
            )
            for number, (queue, to) in enumerate(zip(self.queues, following, strict=True))
        ]
        self._running: dict[int, Any] = {}
        self.processes: dict[int, Running] = {}

    def start(self, stage: int) -> None:
        """Start a stage's process."""
        self._running[stage] = self._consumers[stage].running()
        self.processes[stage] = self._running[stage].__enter__()

    def kill(self, stage: int) -> None:
        """End it by SIGKILL, and start it again."""
        assert self.processes[stage].process.poll() is None, self.processes[stage].stderr
        self.stop(stage)
        self.start(stage)

    def stop(self, stage: int) -> None:
        """End it by SIGKILL."""
        self._running.pop(stage).__exit__(None, None, None)

    def arrived(self) -> int:
        """Messages at the end and among the dead letters."""
        return self.broker.count(self.end) + self.broker.count(self.dead)

    def reach(self, wanted: int) -> None:
        """Wait until so many have arrived."""
        deadline = time.monotonic() + PATIENCE
        while (there := self.arrived()) < wanted:
            assert time.monotonic() < deadline, f"{there} of {wanted} have arrived"
            for process in self.processes.values():
                assert process.process.poll() is None, process.stderr[-2000:]
            time.sleep(0.1)

    def dry(self) -> None:
        """Wait until no stage has anything to do, nor in hand."""
        names = ", ".join(f'<<"{queue}">>' for queue in self.queues)
        total = (
            f'lists:sum([begin {{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"dirac">>, queue, N)), '
            f"[{{messages, M}}] = rabbit_amqqueue:info(Q, [messages]), M end || N <- [{names}]])."
        )
        deadline = time.monotonic() + PATIENCE
        while self.broker.eval(total).strip() != "0":
            assert time.monotonic() < deadline, {stage: p.stderr[-500:] for stage, p in self.processes.items()}
            time.sleep(0.2)


@contextmanager
def _running(chain: Chain) -> Iterator[None]:
    try:
        for stage in range(STAGES):
            chain.start(stage)
        yield
    finally:
        for stage in list(chain.processes):
            if stage in chain._running:
                chain.stop(stage)


def _taken(broker: Broker, queue: str, prefetch: int = 500) -> Iterator[tuple[Any, str]]:
    """Everything that is in a queue, by an independent client."""
    left = broker.count(queue)
    with broker.channel("user") as channel:
        channel.basic_qos(prefetch_count=prefetch)
        for method, properties, body in channel.consume(queue, inactivity_timeout=30) if left else ():
            assert method is not None, f"{left} of {queue} do not come"
            channel.basic_ack(method.delivery_tag)
            yield properties, body.decode()
            left -= 1
            if not left:
                break


def _body(number: int) -> str:
    """One of each hundred is poison, for one stage or another."""
    return f"poison {number // 100 % STAGES} {number}" if number % 100 == 50 else f"good {number}"


@pytest.mark.parametrize(
    ("count", "kills", "outages"),
    [(5_000, 2, 1), pytest.param(50_000, 20, 2, marks=pytest.mark.soak)],
)
def test_everything_reaches_the_end(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, count: int, kills: int, outages: int
) -> None:
    """At least once, under its own id; the poison is among the dead letters with its reason, and nothing else is."""
    chain = Chain(devbroker, make_queue, tmp_path)
    with opened(devbroker, chain.queues[0], chain.cfg) as queue:
        queue.publish_many(Outgoing(_body(number), message_id=f"id-{number}") for number in range(count))
    order = random.Random(36)
    deeds = [f"kill {stage}" for stage in range(STAGES) for _ in range(kills)] + ["outage"] * outages
    order.shuffle(deeds)
    with _running(chain):
        for number, deed in enumerate(deeds, 1):
            chain.reach(count * number // (len(deeds) + 1))
            if deed == "outage":
                devbroker.kill()
                devbroker.start()
            else:
                chain.kill(int(deed.split()[1]))
        chain.dry()
        for process in chain.processes.values():
            process.signal(signal.SIGTERM)
        ends = [process.end(60) for process in chain.processes.values()]
    assert [end.status for end in ends] == [0] * STAGES, ends
    arrived: dict[str, str] = {}
    for properties, body in _taken(devbroker, chain.end):
        assert arrived.setdefault(properties.message_id, body) == body
    good = {f"id-{number}": _body(number) for number in range(count) if _body(number).startswith("good")}
    assert arrived.keys() == good.keys()
    assert arrived == good
    dead = {
        (properties.message_id, body, properties.headers["dirac-moved"]["reason"])
        for properties, body in _taken(devbroker, chain.dead)
    }
    bad = {(f"id-{number}", _body(number)) for number in range(count)} - set(good.items())
    assert dead == {(name, body, f"poison of stage {body.split()[1]}") for name, body in bad}
