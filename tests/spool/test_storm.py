"""``send -l --spool`` while brokers, connections and senders die: nothing is lost, order and ids are kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.broker import Broker
from support.faultproxy import FaultProxy
from support.queues import QueueFactory
from support.senders import chance, drained, first_arrivals, ids_of, kept, sender
from support.spool import command

SENDERS = 8


def _lines(first: int, last: int, name: str = "line") -> list[str]:
    return [f"{name} {number}" for number in range(first, last)]


@pytest.mark.parametrize(
    ("count", "kills", "cuts"), [(10_000, 1, 6), pytest.param(100_000, 10, 20, marks=pytest.mark.soak)]
)
def test_brokers_and_connections_die(
    devbroker: Broker,
    make_queue: QueueFactory,
    fault_proxy: FaultProxy,
    tmp_path: Path,
    count: int,
    kills: int,
    cuts: int,
) -> None:
    """Every line arrives, in order apart from repeats, repeats carry the same id; each was reported."""
    dice = chance()
    name, cfg = make_queue()
    path = tmp_path / "spool"
    argv = [name, "--cfg", str(cfg), f"--spool={path}", "-b", fault_proxy.url, "--outage", "40s"]
    troubles = ["kill"] * kills + ["cut"] * cuts
    dice.shuffle(troubles)
    with sender(devbroker, argv, tmp_path) as one:
        with one.held_open():
            one.feed(_lines(0, count), every=0.05, at_once=100)
            for trouble in troubles:
                time.sleep(dice.uniform(0.2, 1))
                if trouble == "kill":
                    devbroker.kill()
                    devbroker.start()
                else:
                    fault_proxy.cut(reset=dice.random() < 0.5)
        assert one.wait(300) in (0, 5), one.stderr  # 5: its last attempt failed, and its input has ended
        assert f"{count} sent" in one.stderr
        confirmed, spooled = one.outcomes("confirmed"), one.outcomes("spooled")
    assert devbroker.command(["dirac-mq-send", *argv, "-l"], input="", timeout=120).status == 0
    got = drained(devbroker, name)
    assert confirmed | spooled == ids_of(got)
    assert first_arrivals(got) == _lines(0, count)
    assert kept(path) == []


@pytest.mark.parametrize(("count", "kills"), [(10_000, 5), pytest.param(100_000, 50, marks=pytest.mark.soak)])
def test_the_sender_dies(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path, count: int, kills: int
) -> None:
    """SIGKILL at random, and a start on the rest of the input and its spool: what was reported as confirmed or spooled
    is there, what came first came in the input's order, and the next run has nothing to do."""
    dice = chance()
    name, cfg = make_queue()
    path = tmp_path / "spool"
    argv = [name, "--cfg", str(cfg), f"--spool={path}", "-b", fault_proxy.url, "--outage", "3s"]
    reported: set[str] = set()
    begun = 0
    for _ in range(kills):
        if dice.random() < 0.5:
            fault_proxy.refuse()
        with sender(devbroker, argv, tmp_path) as one:
            one.feed(_lines(begun, count), every=0.02, at_once=50)
            time.sleep(dice.uniform(0.3, 1))
            fault_proxy.clear()
            if dice.random() < 0.5:
                fault_proxy.cut()
            time.sleep(dice.uniform(0, 0.5))
            one.process.kill()
            one.wait()
            reported |= one.outcomes("confirmed", "spooled")
            begun += one.fed + 50  # what has gone into its pipe is not the next one's
    with sender(devbroker, argv, tmp_path) as one:
        one.feed(_lines(begun, count))
        assert one.wait(120) == 0
        reported |= one.outcomes("confirmed", "spooled")
    got = drained(devbroker, name)
    assert reported <= ids_of(got)
    arrived = [int(body.split()[1]) for body in first_arrivals(got)]
    assert arrived == sorted(set(arrived))
    assert begun >= count or arrived[-1] == count - 1
    assert kept(path) == []
    assert command(devbroker, path, "ls").stdout == ""


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.soak)])
def test_eight_senders_share_a_spool(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path, count: int
) -> None:
    """Two are killed, connections are cut: each sender's lines come first in order, what was reported is there, and
    only what was in flight comes twice, under the same id."""
    dice = chance()
    name, cfg = make_queue()
    path = tmp_path / "spool"
    argv = [name, "--cfg", str(cfg), f"--spool={path}", "-b", fault_proxy.url, "--outage", "5s"]
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(sender(devbroker, argv, tmp_path)) for _ in range(SENDERS)]
        for number, one in enumerate(senders):
            one.feed(_lines(0, count, f"sender{number}"), every=0.05, at_once=count // 50)
        time.sleep(3)
        fault_proxy.refuse()
        fault_proxy.cut()
        time.sleep(0.5)
        killed = dice.sample(senders, 2)
        for one in killed:
            one.process.kill()
        fault_proxy.clear()
        for one in senders:
            status = one.wait(120)
            assert one in killed or status in (0, 5), one.stderr  # 5: its last attempt failed, its input had ended
        reported = set[str]().union(*(one.outcomes("confirmed", "spooled") for one in senders))
    assert command(devbroker, path, "flush", "-t", "60s").status == 0
    got = drained(devbroker, name)
    assert reported <= ids_of(got)
    for number, one in enumerate(senders):
        mine = _of(first_arrivals(got), number)
        assert mine == _lines(0, count, f"sender{number}")[: len(mine)], number
        assert one in killed or len(mine) == count
    assert len(got) - len(ids_of(got)) <= SENDERS * 1000
    assert kept(path) == []


def _of(bodies: Sequence[str], number: int) -> list[str]:
    return [body for body in bodies if body.startswith(f"sender{number} ")]


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("spool", [False, True])
def test_memory_is_flat(devbroker: Broker, tmp_path: Path, count: int, spool: bool) -> None:
    """The peak of memory does not grow with the input, with a spool and without."""
    devbroker.purge("demo.jobs")
    peaks = []
    for lines in (1000, count):
        file = tmp_path / "input"
        file.write_text("x\n" * lines)
        peaks.append(_peak(devbroker, ["demo.jobs", str(file), *([f"--spool={tmp_path / 'spool'}"] if spool else [])]))
    devbroker.purge("demo.jobs")
    assert peaks[1] < peaks[0] * 1.1, peaks


_MEASURE = """
import atexit, resource, sys
atexit.register(lambda: sys.stderr.write(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}"))
from diracmq_cli.cli import send
send()
"""


def _peak(broker: Broker, argv: Sequence[str]) -> int:
    """The peak resident size of one run, in kB."""
    import sys

    done = broker.command([sys.executable, "-c", _MEASURE, "-l", *argv], timeout=600)
    assert done.status == 0, done.stderr
    return int(done.stderr.split("peak ")[1])
