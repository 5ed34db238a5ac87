"""Where the spool is, and which directories are none."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.spool import forked, ids, label, last_report, line, lines, open_spool, report, take_all, waiting

from diracmq_cli.core.ports import Keeper
from diracmq_cli.errors import DataError, OutputError, UsageError
from diracmq_cli.spool import Directory, locate

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts and chown need root")


@pytest.mark.parametrize(
    ("option", "environment", "place"),
    [
        ("given", {"DIRAC_MQ_SPOOL": "/var/spool/x", "DIRAC_PILOT_STAMP": "1"}, "/work/dir/given"),
        ("/given", {}, "/given"),
        (None, {"DIRAC_MQ_SPOOL": "/var/spool/x", "DIRAC_PILOT_STAMP": "1"}, "/var/spool/x"),
        (None, {"DIRAC_PILOT_STAMP": "1", "HOME": "/home/jane"}, "/work/dir/.dirac-mq-spool"),
        (None, {"XDG_STATE_HOME": "/state", "HOME": "/home/jane"}, "/state/dirac-mq/spool"),
        (None, {"XDG_STATE_HOME": "relative", "HOME": "/home/jane"}, "/home/jane/.local/state/dirac-mq/spool"),
        (None, {"HOME": "/home/jane", "DIRAC_PILOT_STAMP": ""}, "/home/jane/.local/state/dirac-mq/spool"),
    ],
)
def test_place(option: str | None, environment: dict[str, str], place: str) -> None:
    """The option, the environment's variable, a pilot's working directory, the state directory: in that order."""
    assert locate(option, environment, Path("/work/dir")) == Path(place)


def test_no_place_without_a_home() -> None:
    """Without a home there is no place to guess, and the error says how to name one."""
    with pytest.raises(UsageError) as caught:
        locate(None, {}, Path("/work/dir"))
    assert "--spool=DIR" in str(caught.value.hint)


def test_it_is_made_private_with_all_above_it(tmp_path: Path) -> None:
    """A new spool, and the directories above it that were missing, are ours alone; so is every file in it."""
    path = tmp_path / "state" / "dirac-mq" / "spool"
    keeper = open_spool(path).keeper(label())
    assert list(path.iterdir()) == []  # nothing before the first message
    keeper.append(lines(0, 1))
    assert path.stat().st_mode & 0o777 == 0o700
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def test_a_link_is_refused(tmp_path: Path) -> None:
    """A link is no spool, even to a directory of ours; nothing is written there."""
    real = tmp_path / "real"
    real.mkdir(mode=0o700)
    (tmp_path / "spool").symlink_to(real)
    for way in (Directory.make, Directory.find):
        with pytest.raises(OutputError, match="is a link"):
            way(tmp_path / "spool")
    assert list(real.iterdir()) == []


@pytest.mark.parametrize("mode", [0o755, 0o701, 0o770, 0o720])
def test_one_that_others_may_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """Anything that lets others in is refused with the command that helps."""
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(mode)
    with pytest.raises(OutputError, match=f"mode {mode:04o}") as caught:
        open_spool(tmp_path / "spool")
    assert f"chmod 700 {tmp_path / 'spool'}" in str(caught.value.hint)


@only_root
def test_another_users_is_refused(tmp_path: Path) -> None:
    """A directory of another user is no place for our messages, whatever its mode."""
    (tmp_path / "spool").mkdir(mode=0o700)
    os.chown(tmp_path / "spool", 12345, 12345)
    with pytest.raises(OutputError, match="belongs to user 12345"):
        open_spool(tmp_path / "spool")


def test_a_file_is_refused(tmp_path: Path) -> None:
    """A file of that name stays what it is."""
    (tmp_path / "spool").write_text("x")
    with pytest.raises(OutputError, match="is no directory"):
        open_spool(tmp_path / "spool")


def test_planted_links_and_pipes_are_not_opened(tmp_path: Path) -> None:
    """Links and FIFOs that bear a segment's name make an error, never a wait and never a read elsewhere."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    name = "01a20bd0-3b97-7dc9-b23a-582fd043eaa3.000660fe2568c7ea.seg"
    os.mkfifo(path / name)
    with pytest.raises(OutputError, match="cannot read the spool"):
        waiting(spool)
    (path / name).unlink()
    (path / name).symlink_to("/etc/passwd")
    with pytest.raises(OutputError, match="cannot read the spool"):
        waiting(spool)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def _keep_until_it_fails(keeper: Keeper, first: int, reason: str) -> int:
    """Keep lines from ``first`` on until that is impossible; returns the number of the line that failed."""
    kept = first
    while True:
        try:
            keeper.append([line(f"line-{kept + number}", size=1000) for number in range(20)])
        except OutputError as error:
            if reason not in str(error):
                raise
            assert kept > first
            return kept
        kept += 20
        assert kept < 10_000, "nothing fails"


@only_root
def test_a_full_disk_takes_nothing_and_spoils_nothing(small_disk: Path) -> None:
    """On a full disk ``append`` raises and keeps nothing of it; what was there can be flushed; then there is room."""
    path = small_disk / "spool"
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 100))
    kept = _keep_until_it_fails(keeper, 100, "no space left on device")
    everything = [f"line-{number}" for number in range(kept)]
    assert ids(waiting(spool)) == everything
    (path.parent / "filler").write_bytes(b"x" * os.statvfs(small_disk).f_bfree * os.statvfs(small_disk).f_bsize)
    with pytest.raises(OutputError):
        keeper.append(lines(kept, kept + 1))
    keeper.close()
    assert ids(take_all(spool)) == everything
    assert list(path.iterdir()) == []
    again = spool.keeper(label())
    again.append(lines(0, 10))
    assert len(waiting(spool)) == 10


@only_root
def test_a_read_only_disk_can_be_read(small_disk: Path) -> None:
    """Where nothing can be written, keeping and taking over say so, and looking still works."""
    path = small_disk / "spool"
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 3))
    keeper.close()
    spool.close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    spool = open_spool(path)
    assert len(waiting(spool)) == 3
    with pytest.raises(OutputError, match="read-only file system"):
        spool.keeper(label()).append(lines(3, 4))
    with pytest.raises(OutputError, match="read-only file system"):
        take_all(spool)
    with pytest.raises(OutputError, match="read-only file system"):
        open_spool(small_disk / "another")


def test_a_file_size_limit_is_an_error_like_any_other(tmp_path: Path) -> None:
    """RLIMIT_FSIZE, as batch systems set it, ends no process: ``append`` raises, and what was kept stays."""
    path = tmp_path / "spool"

    def keep_under_a_limit(reports: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        report(reports, _keep_until_it_fails(open_spool(path).keeper(label()), 0, "file too large"))

    pid, reports = forked(keep_under_a_limit)
    assert os.waitpid(pid, 0)[1] == 0
    kept = last_report(reports)
    assert ids(waiting(open_spool(path))) == [f"line-{number}" for number in range(kept)]


def test_what_no_broker_would_take_is_refused_before_anything_is_kept(tmp_path: Path) -> None:
    """A batch with a message over a limit is refused as a whole, so that nothing waits that could never be sent."""
    spool = open_spool(tmp_path / "spool")
    keeper = spool.keeper(label())
    bad = line("bad")
    bad.headers["note"] = "x" * 140_000
    with pytest.raises(DataError, match="do not fit"):
        keeper.append([line("good"), bad])
    assert waiting(spool) == []


def test_a_file_that_was_replaced_meanwhile_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock on a file that no longer bears the name protects nothing, so it is not taken for one."""
    path = tmp_path / "spool"
    directory = Directory.make(path)
    (path / "file").write_text("old")
    lock = fcntl.flock

    def slow_lock(fd: int, how: int) -> None:
        (path / "new").write_text("new")
        (path / "new").rename(path / "file")
        lock(fd, how)

    monkeypatch.setattr(fcntl, "flock", slow_lock)
    assert directory.open_locked("file", os.O_RDWR) is None
    monkeypatch.undo()
    fd = directory.open_locked("file", os.O_RDWR)
    assert fd is not None
    assert os.read(fd, 10) == b"new"
