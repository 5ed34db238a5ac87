"""A sender that is killed: whatever ``append`` returned for is there, and nothing torn is delivered."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from support.spool import JANE, forked, ids, label, last_report, line, lines, open_spool, report, take_all, waiting


def _keep_for_ever(path: Path, seed: int, reports: int) -> None:
    """Keep batches of very different sizes, and report after each how many lines are kept."""
    dice = random.Random(seed)
    keeper = open_spool(path).keeper(label())
    kept = 0
    while True:
        count = dice.choice((1, 1, 3, 40, 400))
        size = dice.choice((0, 50, 3000, 20_000))
        keeper.append([line(f"line-{kept + number}", size=size) for number in range(count)])
        kept += count
        report(reports, kept)


def _kill_at_random(path: Path, seed: int) -> None:
    pid, reports = forked(lambda fd: _keep_for_ever(path, seed, fd))
    time.sleep(random.Random(seed).uniform(0.0, 0.25))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    reported = last_report(reports)
    spool = open_spool(path)
    messages = waiting(spool)
    assert len(messages) >= reported, f"seed {seed}"
    assert ids(messages) == [f"line-{number}" for number in range(len(messages))], f"seed {seed}"
    for message in messages:
        assert message.body == str(message.properties.message_id).encode().ljust(message.size, b"."), f"seed {seed}"
    assert ids(take_all(spool)) == ids(messages)
    assert not spool.losses
    assert list(path.iterdir()) == [], f"seed {seed}: something is left"


@pytest.mark.parametrize("seed", range(20))
def test_a_killed_sender_loses_nothing_it_reported(tmp_path: Path, seed: int) -> None:
    """SIGKILL at any moment: every line that was reported is there, in order, and no line is torn."""
    _kill_at_random(tmp_path / "spool", seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_two_hundred_killed_senders_lose_nothing(tmp_path: Path, seed: int) -> None:
    """The same, 200 times."""
    _kill_at_random(tmp_path / "spool", seed)


def _take_slowly(path: Path, reports: int) -> None:
    taken = 0
    for backlog in open_spool(path).abandoned(JANE):
        while entries := backlog.read(7):
            backlog.confirm(entries)
            taken += len(entries)
            report(reports, taken)
            time.sleep(0.001)


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_flusher_repeats_only_what_it_had_not_marked(tmp_path: Path, seed: int) -> None:
    """SIGKILL in the middle of a flush: what was confirmed does not come again, all the rest does."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    for run in range(3):
        keeper = spool.keeper(label())
        keeper.append(lines(run * 100, run * 100 + 100))
        keeper.close()
    pid, reports = forked(lambda fd: _take_slowly(path, fd))
    time.sleep(random.Random(seed).uniform(0.01, 0.06))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    taken = last_report(reports)
    left = ids(waiting(spool))
    assert left == [f"line-{number}" for number in range(300 - len(left), 300)]
    assert 300 - taken - 7 <= len(left) <= 300 - taken
    assert ids(take_all(spool)) == left


def test_a_running_senders_entries_are_its_own(tmp_path: Path) -> None:
    """What a sender that is still running holds is not taken over; when it is killed, it is."""
    path = tmp_path / "spool"

    def keep_and_wait(reports: int) -> None:
        keeper = open_spool(path).keeper(label())
        keeper.append(lines(0, 3))
        report(reports, 1)
        signal.pause()

    pid, reports = forked(keep_and_wait)
    assert os.read(reports, 10) == b"1\n"
    spool = open_spool(path)
    try:
        assert take_all(spool) == []
        assert ids(waiting(spool)) == ["line-0", "line-1", "line-2"]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert ids(take_all(spool)) == ["line-0", "line-1", "line-2"]
