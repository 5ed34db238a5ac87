"""A cluster of three survives SIGKILL of any one node while senders and consumers run, which go on by themselves."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import Running, bodies, publish, running
from support.senders import Sender, drained, ids_of, sender

QUEUE = "demo.pilots"
FLAGS = ("--outage", "1m")
LINES = 400
"""A second."""


class _Shown:
    """The ids of the messages that a consumer has shown, read as they come."""

    def __init__(self, one: Running) -> None:
        self.ids: list[str] = []
        self._one = one
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()

    def _read(self) -> None:
        assert self._one.process.stdout is not None
        for line in self._one.process.stdout:
            self.ids.append(json.loads(line)["properties"]["message_id"])


@pytest.mark.parametrize("number", [1, *(pytest.param(n, marks=pytest.mark.soak) for n in (2, 3))])
def test_any_node_may_die(cluster: tuple[Broker, ...], tmp_path: Path, number: int) -> None:
    """The node is killed amid lines: each is confirmed, each is shown, and neither command was helped."""
    victim, witness = cluster[number - 1], cluster[number % 3]
    drained(witness, QUEUE)
    with (
        running(witness, ["dirac-mq-consume", QUEUE, "--follow", "-j", *FLAGS]) as consumer,
        sender(witness, [QUEUE, *FLAGS], tmp_path) as one,
    ):
        shown = _Shown(consumer)
        with one.held_open():
            one.feed((f"line {n}" for n in range(10 * LINES)), every=0.05, at_once=LINES // 20)
            one.until(LINES)
            victim.kill()
            _goes_on(one, shown)
        assert one.wait(120) == 0, one.stderr
        confirmed = one.outcomes("confirmed")
        assert len(confirmed) == one.fed
        deadline = time.monotonic() + 60
        while not confirmed <= set(shown.ids):
            assert time.monotonic() < deadline, (len(confirmed), len(set(shown.ids)), consumer.stderr)
            time.sleep(0.1)
        consumer.process.terminate()
        assert consumer.process.wait(20) == -15
        shown.join()
        said = one.stderr + consumer.stderr
    sys.stderr.write(f"{len(confirmed)} confirmed, {len(shown.ids) - len(set(shown.ids))} shown twice\n{said}")
    assert set(shown.ids) == confirmed
    assert ids_of(drained(witness, QUEUE)) <= confirmed


def _until(condition: Callable[[], bool], timeout: float = 30) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _goes_on(one: Sender, shown: _Shown, timeout: float = 60) -> None:
    """Wait until more lines, of a second, have been confirmed, and have been shown."""
    receipts, ids = len(one.receipts), len(shown.ids)
    deadline = time.monotonic() + timeout
    while len(one.receipts) < receipts + LINES or len(shown.ids) < ids + LINES:
        assert time.monotonic() < deadline, f"{len(one.receipts)}, {len(shown.ids)} and no further; {one.stderr}"
        time.sleep(0.02)


@pytest.mark.soak
def test_the_node_of_a_classic_queue_may_come_back(cluster: tuple[Broker, ...]) -> None:
    """A consumer that is connected to another node loses the queue and not the connection: it waits for the node."""
    cluster[0].purge("demo.jobs")
    node = cluster[0].eval(
        'element(2, begin {ok, Q} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"dirac">>, queue, <<"demo.jobs">>)), '
        "{ok, node(amqqueue:get_pid(Q))} end)"
    )
    home = next(each for each in cluster if each.state.node == node.strip("'"))
    other = next(each for each in cluster if each is not home)
    hosts = f"/Resources/MQServices/dev/Host=localhost:{other.port}"
    argv = ["dirac-mq-consume", "demo.jobs", "-n", "1", "-j", "-o", hosts, "--outage"]
    with running(other, [*argv, "3m"]) as patient, running(other, [*argv, "3s"]) as hasty:
        _until(lambda: _consumers(other) == 2)
        home.kill()
        patient.says("trying again in", timeout=60)
        ended = hasty.end(60)
        home.start()
        publish(home, "demo.jobs", "1")
        done = patient.end(200)
    assert (ended.status, ended.stdout) == (69, "")
    assert "is down or inaccessible" in ended.stderr.splitlines()[-1]
    assert (done.status, bodies(done)) == (0, ["1"]), done.stderr
    assert [done.stderr.count(words) for words in ("trying again in", "connected again")] == [1, 1]


def _consumers(broker: Broker) -> int:
    with broker.channel("operator") as channel:
        return int(channel.queue_declare("demo.jobs", passive=True).method.consumer_count)
