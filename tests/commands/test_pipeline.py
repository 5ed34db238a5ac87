"""``payload 2>&1 | tee >(dirac-mq-send -l --batch 64k --spool)``: the payload, whatever befalls send."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import shell
from support.queues import QueueFactory
from support.senders import CLOSED, drained, kept, tiny_disk

ROOT = os.geteuid() == 0
COUNT = 60_000


@pytest.mark.parametrize(
    ("trouble", "ends"),
    [
        ("none", "0"),
        ("absent", "5"),
        pytest.param("full", "74", marks=pytest.mark.skipif(not ROOT, reason="only root can mount a file system")),
    ],
)
def test_a_payload(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, trouble: str, ends: str) -> None:
    """It ends with its own status, all that it said has reached tee's output, and the sender has read everything,
    while it runs: the payload's last act is to wait until tee has passed on what it wrote."""
    name, cfg = make_queue()
    with _disk(tmp_path / "disk", tiny=trouble == "full") as disk:
        option = "" if trouble == "none" else f"-o {CLOSED}"
        send = f"dirac-mq-send {name} --cfg {cfg} -q -l --batch 64k --spool={disk} {option} 2>{tmp_path}/err"
        through = f'[ "$(tail -n 1 {tmp_path}/log)" = last ]'
        payload = f"seq {COUNT}; echo complaint >&2; echo last; until {through}; do sleep 0.05; done; exit 23"
        done = shell(
            devbroker,
            f"({payload}) 2>&1 | tee >({send}; echo $? >{tmp_path}/status) >{tmp_path}/log; echo ${{PIPESTATUS[@]}}",
        )
        assert done.stdout == "23 0\n"
        said = [*map(str, range(1, COUNT + 1)), "complaint", "last"]
        assert (tmp_path / "log").read_text().splitlines() == said
        _wait_for(tmp_path / "status")
        assert (tmp_path / "status").read_text() == f"{ends}\n", (tmp_path / "err").read_text()
        got = drained(devbroker, name) if trouble == "none" else kept(disk)
    lines = [line for _, body in got for line in body.splitlines()]
    if trouble == "full":
        assert set(lines) < set(said)
        assert "lost" in (tmp_path / "err").read_text()
    else:
        assert lines == said


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def _disk(path: Path, *, tiny: bool) -> Iterator[Path]:
    if tiny:
        with tiny_disk(path, "64k"):
            yield path
    else:
        yield path
