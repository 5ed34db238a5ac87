"""What ``append`` returned for is on the disk, not only in the machine's memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.spool import files, label, line, lines, open_spool

Calls = list[tuple[str, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """What is asked of the disk, in order: the call's name, and the inode."""
    made: Calls = []

    def noted(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(fd: int, *arguments: Any) -> Any:
            made.append((name, os.fstat(fd).st_ino))
            return real(fd, *arguments)

        return call

    for name in ("pwrite", "fdatasync", "fsync"):
        monkeypatch.setattr(os, name, noted(name))
    return made


def test_a_new_file_its_entries_and_its_name_are_synced(tmp_path: Path, calls: Calls) -> None:
    """The header, then the directory, then the entries: each is synced before the next may count on it."""
    path = tmp_path / "spool"
    keeper = open_spool(path).keeper(label())
    calls.clear()
    keeper.append(lines(0, 3))
    file, directory = files(path)[0].stat().st_ino, path.stat().st_ino
    assert calls == [
        ("pwrite", file),
        ("fdatasync", file),
        ("fsync", directory),
        ("pwrite", file),
        ("fdatasync", file),
    ]


def test_a_batch_costs_one_write_and_one_sync(tmp_path: Path, calls: Calls) -> None:
    """However many messages are kept at once, they are committed as a group."""
    path = tmp_path / "spool"
    keeper = open_spool(path).keeper(label())
    keeper.append(lines(0, 3))
    calls.clear()
    keeper.append(lines(3, 2000))
    file = files(path)[0].stat().st_ino
    assert calls == [("pwrite", file), ("fdatasync", file)]


def test_every_file_of_a_large_batch_is_synced(tmp_path: Path, calls: Calls) -> None:
    """A batch over several files: none is left with a write that is not synced."""
    path = tmp_path / "spool"
    keeper = open_spool(path).keeper(label())
    keeper.append([line(f"line-{number}", size=1_000_000) for number in range(10)])
    inodes = {file.stat().st_ino for file in files(path)}
    assert len(inodes) > 1
    last = {inode: name for name, inode in calls}
    assert {last[inode] for inode in inodes} == {"fdatasync"}


def test_marks_are_synced_when_it_is_let_go(tmp_path: Path, calls: Calls) -> None:
    """A power cut after a flush repeats nothing."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 3))
    keeper.close()
    (backlog,) = spool.abandoned(label().owner)
    backlog.confirm(backlog.read(2))
    file = files(path)[0].stat().st_ino
    calls.clear()
    backlog.close()
    assert ("fdatasync", file) in calls
