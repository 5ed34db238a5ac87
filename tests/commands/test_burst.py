"""``dirac-mq-send --burst``: collected in the spool, sent now and then over a connection that is closed again."""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import running
from support.queues import QueueFactory
from support.senders import CLOSED, drained, first_arrivals, kept, sender

from diracmq_cli.operations.bursts import Pauses


def _lines(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


def test_the_end_of_the_input(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Lines go to the disk, and without another burst the end of the input sends them; nothing is left behind."""
    name, cfg = make_queue()
    spool = tmp_path / "spool"
    argv = [name, "--cfg", str(cfg), "--burst", "1h", f"--spool={spool}"]
    with sender(devbroker, argv, tmp_path) as one:
        with one.held_open():
            one.feed([*_lines(2000), "last"])
            one.until(1900)
            assert one.outcomes("confirmed") == set()
            assert devbroker.count(name) == 0
        assert one.wait(60) == 0
        assert len(one.outcomes("confirmed")) == 2001
    assert first_arrivals(drained(devbroker, name)) == [*_lines(2000), "last"]
    assert kept(spool) == []


def test_one_burst_after_the_other(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Each sends what was collected before it, and closes its connection; all arrive in order."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", "--burst", "500ms", f"--spool={tmp_path / 'spool'}"]
    with running(devbroker, [*argv, "-d"]) as command:
        for burst in range(3):
            command.feed(f"{burst}\n".encode())
            command.shows(b'"confirmed"', timeout=60)
        assert command.stderr.count("knows us as") >= 3
        assert command.end(60).status == 0
    assert first_arrivals(drained(devbroker, name)) == ["0", "1", "2"]


def test_without_a_broker(devbroker: Broker, tmp_path: Path) -> None:
    """The input is read to its end, one attempt is made, and everything is kept; 5."""
    spool = tmp_path / "spool"
    argv = ["dirac-mq-send", "demo.jobs", "-l", "--batch", "1k", "--burst", "1h", f"--spool={spool}", "-o", CLOSED]
    done = devbroker.command(argv, input="".join(f"{line}\n" for line in _lines(500)))
    assert (done.status, done.stdout) == (5, "")
    assert "connection refused" in done.stderr
    assert "".join(body for _, body in kept(spool)).splitlines() == _lines(500)


def test_a_signal(devbroker: Broker, tmp_path: Path) -> None:
    """SIGTERM keeps all that was read, and does not connect."""
    spool = tmp_path / "spool"
    with sender(devbroker, ["demo.jobs", "--burst", "1h", f"--spool={spool}", "-d"], tmp_path) as one:
        with one.held_open():
            one.feed(_lines(1000))
            one.until(900)
            one.process.send_signal(signal.SIGTERM)
            assert one.process.wait(30) == -signal.SIGTERM
        assert "knows us as" not in one.stderr
    assert [body for _, body in kept(spool)] == _lines(900)


def test_it_needs_no_flag_for_the_spool(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """--burst implies --spool, in the usual place."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--burst", "1h", "-o", CLOSED]
    done = devbroker.command(argv, input="a\n", DIRAC_MQ_SPOOL=str(tmp_path / "spool"))
    assert done.status == 5
    assert [body for _, body in kept(tmp_path / "spool")] == ["a"]


@pytest.mark.parametrize("flags", [["-m", "x"], [], ["-l", "/dev/null"], ["-l", "--burst", "0"]])
def test_what_does_not_go_with_it(devbroker: Broker, flags: list[str]) -> None:
    """A message, a file, no time at all: 2."""
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "--burst", "5m", *flags])
    assert (done.status, done.stdout) == (2, "")
    assert "--burst" in done.stderr
    assert "hint:" in done.stderr


def test_a_herd_is_spread() -> None:
    """First bursts fall evenly over the whole time, further ones come after half of it to one and a half."""
    dice = random.Random(1)
    herd = [Pauses(300.0, dice.random) for _ in range(3000)]
    first = [pauses.first for pauses in herd]
    per_half_minute = [sum(30 * n <= at < 30 * (n + 1) for at in first) for n in range(10)]
    assert min(per_half_minute) > 240
    assert max(per_half_minute) < 360
    following = [pauses.next() for pauses in herd]
    assert 150 <= min(following) < 160
    assert 440 < max(following) <= 450
