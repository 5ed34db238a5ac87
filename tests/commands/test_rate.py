"""``dirac-mq-send --rate`` and ``--max-bytes``: no faster than that, and no more."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import rows, shell, take
from support.queues import QueueFactory
from support.senders import CLOSED, drained, first_arrivals, kept


def _numbers(count: int) -> str:
    return "".join(f"{number}\n" for number in range(count))


@pytest.mark.parametrize("spool", [False, True])
def test_no_faster_than_that(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, spool: bool) -> None:
    """So many lines take so long at least, through a spool too; all arrive, in order."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--rate", "20/s"]
    argv += [f"--spool={tmp_path / 'spool'}"] if spool else []
    started = time.monotonic()
    assert devbroker.command(argv, input=_numbers(31)).status == 0
    assert time.monotonic() - started > 30 / 20
    assert first_arrivals(drained(devbroker, name)) == _numbers(31).split()


def test_what_waits_in_a_spool_is_no_faster(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """What an earlier run left counts like what is read now."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={tmp_path / 'spool'}"]
    assert devbroker.command([*argv, "-o", CLOSED], input=_numbers(20)).status == 5
    started = time.monotonic()
    assert devbroker.command([*argv, "--rate", "20"], input="").status == 0
    assert time.monotonic() - started > 19 / 20
    assert first_arrivals(drained(devbroker, name)) == _numbers(20).split()


def test_batches_count_as_one(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The rate is that of messages."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "64k", "--rate", "1/h"]
    assert devbroker.command(argv, input=_numbers(1000)).status == 0
    assert len(take(devbroker, name)) == 1


def test_a_rate_is_no_outage(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A broker that is given nothing for longer than --outage has not been silent."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--rate", "30/m", "--outage", "500ms"]
    done = devbroker.command(argv, input=_numbers(3))
    assert (done.status, done.stdout) == (0, "")
    assert devbroker.count(name) == 3


@pytest.mark.parametrize("flags", ["", "--batch 4"])
def test_max_bytes(devbroker: Broker, make_queue: QueueFactory, flags: str) -> None:
    """A beginning of the input is sent, nothing behind what did not fit; the rest is read and counted, the end is 4."""
    name, cfg = make_queue()
    script = (
        f"(printf '12\\n345\\n6\\n'; seq 100000) | dirac-mq-send {name} --cfg {cfg} -l --max-bytes 5 {flags}; "
        "echo ${PIPESTATUS[@]}"
    )
    done = shell(devbroker, script)
    assert done.stdout == "0 4\n"
    assert "100001 dropped" in done.stderr
    sent = b"".join(body if body.endswith(b"\n") else body + b"\n" for _, _, body in take(devbroker, name))
    assert sent == b"12\n345\n"


def test_max_bytes_and_a_spool(devbroker: Broker, tmp_path: Path) -> None:
    """4, not 5: what was dropped is said though the rest is kept."""
    spool = tmp_path / "spool"
    argv = ["dirac-mq-send", "demo.jobs", "-l", "-j", "--max-bytes", "2", f"--spool={spool}", "-o", CLOSED]
    done = devbroker.command(argv, input=_numbers(5))
    assert done.status == 4
    assert [row["outcome"] for row in rows(done)] == ["spooled", "spooled"]
    assert "2 sent, 0 confirmed, 2 spooled, 3 dropped" in done.stderr
    assert "3 dropped: over what --max-bytes lets one run send" in done.stderr
    assert [body for _, body in kept(spool)] == ["0", "1"]


def test_enough_is_no_fault(devbroker: Broker, make_queue: QueueFactory) -> None:
    """An input of exactly that size goes."""
    name, cfg = make_queue()
    done = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--max-bytes", "5"], input="12345")
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    done = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--max-bytes", "4"], input="12345")
    assert (done.status, done.stdout) == (4, "")
    assert devbroker.count(name) == 1
