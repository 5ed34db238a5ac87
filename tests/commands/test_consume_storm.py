"""``dirac-mq-consume`` while its commands, its connections, its broker and it itself die: every message is handled."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import Running, publish, running
from support.faultproxy import FaultProxy
from support.queues import QueueFactory
from support.senders import chance

CHILD = """
read -r number
RANDOM=$((SEED + 31 * number + $$))
case $((RANDOM % 20)) in
    0) exit 9 ;;
    1) exit 75 ;;
    2) trap '' TERM; sleep 30 ;;
    3) sleep 30 ;;
    4) kill -SEGV $$ ;;
    5) kill -KILL $$ ;;
    6) (sleep 0.2) & ;;
esac
echo "$number" >> "$DONE"
"""
"""Fails, gives back, hangs with and without an ear for SIGTERM, crashes, vanishes, leaves something behind; mostly it
succeeds. What it has done it writes down before it says so."""

KB100 = 100_000


def _fill(broker: Broker, name: str, cfg: Path, count: int, width: int = 1) -> None:
    lines = "".join(f"{number:0{width}}\n" for number in range(count))
    done = broker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-q", "-l"], input=lines, timeout=300)
    assert done.status == 0, done.stderr


def _waiting(broker: Broker, name: str) -> set[int]:
    """What is in the queue and in nobody's hands; it stays there."""
    with broker.channel() as channel:
        found = set()
        while (got := channel.basic_get(name))[0] is not None:
            found.add(int(got[2]))
    return found


def _all_returned(broker: Broker, name: str) -> None:
    """Wait until the broker has noticed that the consumer is gone."""
    deadline = time.monotonic() + 20
    with broker.channel() as channel:
        while channel.queue_declare(name, passive=True).method.consumer_count:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize(("count", "kills"), [(150, 5), pytest.param(3000, 50, marks=pytest.mark.soak)])
def test_the_consumer_and_its_commands_die(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, count: int, kills: int
) -> None:
    """SIGKILL at random amid commands that do what they like: what has left the queue had been done, every time."""
    dice = chance()
    name, cfg = make_queue()
    _fill(devbroker, name, cfg, count)
    log, script = tmp_path / "done", tmp_path / "child"
    log.touch()
    script.write_text(CHILD)
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--jobs", "4", "--on-fail", "requeue"]
    command = ["--cmd-timeout", "1s", "-q", "--", "bash", str(script)]
    environment = {"DONE": str(log), "SEED": str(dice.randrange(1 << 15))}

    def done() -> set[int]:
        return {int(line) for line in log.read_text().split()}

    for _ in range(kills):
        before = len(done())
        with running(devbroker, [*argv, "--follow", *command], **environment) as one:
            _until(lambda before=before: len(done()) > before or before == count, one)
            time.sleep(dice.uniform(0, 0.5))
            one.process.kill()
            one.process.wait()
        _all_returned(devbroker, name)
        left = _waiting(devbroker, name)
        assert set(range(count)) - left <= done()
    last = devbroker.command([*argv, "--drain", *command], timeout=600, **environment)
    assert last.status in (0, 3), last.stderr
    assert done() == set(range(count))
    assert devbroker.count(name) == 0


def _until(condition: Callable[[], bool], one: Running, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, one.stderr
        assert one.process.poll() is None, one.stderr
        time.sleep(0.01)


class _Shown:
    """The bodies that a reader has shown so far, and which of them came again."""

    def __init__(self, one: Running) -> None:
        self.bodies: list[str] = []
        self.unmarked = 0
        """Repeats that do not say that they were delivered before."""
        self._one = one
        self._seen: set[str] = set()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def until(self, condition: Callable[[set[str]], bool], timeout: float = 120) -> None:
        deadline = time.monotonic() + timeout
        while not condition(self._seen):
            assert time.monotonic() < deadline, (len(self._seen), self._one.stderr)
            time.sleep(0.02)

    def join(self) -> None:
        self._thread.join()

    def _read(self) -> None:
        assert self._one.process.stdout is not None
        for line in self._one.process.stdout:
            row = json.loads(line)
            self.unmarked += row["body"] in self._seen and not row["redelivered"]
            self.bodies.append(row["body"])
            self._seen.add(row["body"])


@contextmanager
def _publishing(broker: Broker, argv: list[str], bodies: list[str], every: float) -> Iterator[None]:
    """Our own sender publishes beside everything; it has ended well afterwards."""
    argv = ["dirac-mq-send", *argv, "-q", "-l"]
    with running(broker, argv) as one:

        def feed() -> None:
            for first in range(0, len(bodies), 20):
                one.feed("".join(f"{body}\n" for body in bodies[first : first + 20]).encode())
                time.sleep(every)

        feeder = threading.Thread(target=feed)
        feeder.start()
        yield
        feeder.join()
        assert one.end(120).status == 0


def _cut(_broker: Broker, proxy: FaultProxy, dice: random.Random) -> None:
    proxy.cut(reset=dice.random() < 0.5)


def _restart(broker: Broker, proxy: FaultProxy, _dice: random.Random) -> None:
    """Nobody gets in before the rights that this test has set are there again."""
    proxy.refuse()
    broker.kill()
    broker.start()
    proxy.clear()


@pytest.mark.parametrize(
    ("count", "trouble", "times", "outage"),
    [
        (2000, _cut, 4, "30s"),
        (2000, _restart, 1, "2m"),
        pytest.param(20_000, _cut, 20, "10s", marks=pytest.mark.soak),
        pytest.param(20_000, _restart, 5, "2m", marks=pytest.mark.soak),
    ],
)
def test_connections_and_the_broker_die(
    devbroker: Broker,
    make_queue: QueueFactory,
    fault_proxy: FaultProxy,
    count: int,
    trouble: Callable[[Broker, FaultProxy, random.Random], None],
    times: int,
    outage: str,
) -> None:
    """A consumer goes on by itself, shows every message, and repeats are marked as delivered before; a tail beside it
    goes on too, and says each time what it does not show."""
    dice = chance()
    name, cfg = make_queue()
    flags = [name, "--cfg", str(cfg), "-b", fault_proxy.url, "--outage", outage]
    own = flags if trouble is _restart else flags[:3]  # cuts are the readers' alone, so that repeats are theirs
    numbers = [str(number) for number in range(count)]
    with (
        running(devbroker, ["dirac-mq-consume", *flags, "-j", "--follow"]) as consumer,
        running(devbroker, ["dirac-mq-tail", *flags, "-j"]) as tail,
    ):
        shown, followed = _Shown(consumer), _Shown(tail)
        tail.says("following")
        with _publishing(devbroker, own, numbers, every=0.05):
            shown.until(bool)
            for _ in range(times):
                time.sleep(dice.uniform(0.1, 1))
                gaps = tail.stderr.count("is not shown")
                trouble(devbroker, fault_proxy, dice)
                _until(lambda gaps=gaps: tail.stderr.count("is not shown") > gaps, tail, 120)
        shown.until(lambda seen: len(seen) == count)
        publish(devbroker, name, "the end")
        for each in (shown, followed):
            each.until(lambda seen: "the end" in seen)
        for command, each in ((consumer, shown), (tail, followed)):
            command.process.terminate()
            assert command.process.wait(20) == -15
            each.join()
        lost = consumer.stderr.count("trying again in")
        assert lost >= times / 2  # two losses may be one to it
        assert consumer.stderr.count("connected again") == lost
    sys.stderr.write(f"{lost} losses, {len(shown.bodies) - count - 1} repeats; tail showed {len(followed.bodies)}\n")
    assert shown.unmarked == 0 or trouble is _restart
    assert set(shown.bodies) == {*numbers, "the end"}
    assert len(followed.bodies) == len(set(followed.bodies)) or trouble is _restart
    assert devbroker.count(name) == 0


_MEASURE = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: sys.stderr.write(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]))
from diracmq_cli.cli import consume
consume()
"""
"""getrusage(2) would tell the size of pytest, from which this process was forked, where that is larger."""


def _peak(broker: Broker, name: str, cfg: Path) -> int:
    """The peak resident size of one run that empties the queue, in kB."""
    argv = [sys.executable, "-c", _MEASURE, name, "--cfg", str(cfg), "--drain", "-j"]
    done = broker.command(argv, timeout=600)
    assert done.status == 0, done.stderr
    return int(done.stderr)


@pytest.mark.parametrize("count", [20_000, *(pytest.param(n, marks=pytest.mark.soak) for n in (100_000, 1_000_000))])
def test_memory_is_flat(devbroker: Broker, make_queue: QueueFactory, count: int) -> None:
    """The peak of memory does not grow with the number of messages."""
    name, cfg = make_queue()
    peaks = []
    for messages in (1000, count):
        _fill(devbroker, name, cfg, messages)
        peaks.append(_peak(devbroker, name, cfg))
    sys.stderr.write(f"peaks {peaks} kB\n")
    assert peaks[1] < peaks[0] * 1.1, peaks


def test_memory_of_large_bodies(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Bodies of 100 kB, more of them than are ever in hand, take less than 64 MB."""
    name, cfg = make_queue()
    _fill(devbroker, name, cfg, 300, width=KB100)
    peak = _peak(devbroker, name, cfg)
    sys.stderr.write(f"peak {peak} kB\n")
    assert peak < 64 * 1024
