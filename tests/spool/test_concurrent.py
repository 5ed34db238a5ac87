"""Senders and a flusher that share one spool, on a real broker."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from support.broker import Broker
from support.queues import QueueFactory
from support.spool import arrived, command, forked, label, last_report, lines, open_spool, report

from diracmq_cli.core.spool import Owner

SENDERS, BATCH = 8, 20


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_eight_senders_two_killed_and_a_flusher(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, count: int
) -> None:
    """Nothing that was reported as kept is missing, each sender's lines come in order, and none comes twice."""
    path = tmp_path / "spool"
    queue, _ = make_queue()
    jane = Owner(devbroker.dn("user"), "dev")

    def keep(sender: int, reports: int) -> None:
        keeper = open_spool(path).keeper(label(jane, queue))
        for first in range(0, count, BATCH):
            keeper.append(lines(first, first + BATCH, f"sender{sender}", owner=jane))
            report(reports, first + BATCH)
            time.sleep(random.uniform(0, 0.002))
        if sender % 3:
            keeper.close()  # else its lock goes with the process

    processes = {sender: forked(lambda fd, sender=sender: keep(sender, fd)) for sender in range(SENDERS)}
    time.sleep(0.15)
    for sender in (2, 5):
        os.kill(processes[sender][0], signal.SIGKILL)
    statuses = [command(devbroker, path, "flush", "-t", "20s").status for _ in range(3)]
    for pid, _ in processes.values():
        os.waitpid(pid, 0)
    reported = {sender: last_report(reports) for sender, (_, reports) in processes.items()}
    statuses.append(command(devbroker, path, "flush", "-t", "60s").status)
    assert set(statuses) <= {0, 75}
    assert statuses[-1] == 0
    got = arrived(devbroker, queue)
    assert max(Counter(got).values()) == 1
    for sender in range(SENDERS):
        mine = [one for one in got if one.startswith(f"sender{sender}-")]
        assert mine == [f"sender{sender}-{number}" for number in range(len(mine))]
        assert len(mine) >= reported[sender]
        assert reported[sender] == count or sender in (2, 5)
    assert list(path.iterdir()) == []
