"""Logs of pilots on disk: whose they are, how large they may become, and what a crash at any moment leaves."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.crashing import MESSAGES, PILOTS
from support.modules import limited_files
from support.senders import chance

from diracmq_cli.errors import OutputError
from diracmq_cli.usecases.pilots import Bounds, PilotStore
from diracmq_cli.usecases.pilots.names import current, stem

ONE, OTHER = "/DC=org/CN=One", "/DC=org/CN=Other"
BOUNDS = Bounds(file=1000, files=3, pilots=1000, total=10**6)


def _lines(path: Path, pilot: str) -> list[str]:
    """What is in a pilot's log, oldest file first, without what says whose it is."""
    name = current(stem(pilot))
    older = sorted(path.glob(f"{name}.[0-9]*"), key=lambda file: int(file.suffix[1:]))
    files = [*older, *([path / name] if (path / name).exists() else [])]
    texts = [file.read_text() for file in files]
    assert all(text.startswith("# pilot ") and text.endswith("\n") for text in texts)
    return [line for text in texts for line in text.splitlines()[1:]]


def _say(store: PilotStore, pilot: str, *lines: str, owner: str = ONE, finished: bool = False) -> None:
    assert store.claim(pilot, owner) == owner
    store.add(pilot, owner, None, lines, finished=finished)


def test_what_is_flushed_is_there(tmp_path: Path) -> None:
    """One file for each pilot, which says whose it is; for us alone."""
    path = tmp_path / "logs"
    with contextlib.closing(PilotStore(path, BOUNDS)) as store:
        _say(store, "p/1", "a")
        _say(store, "p2", "b", "c")
        assert sorted(file.name for file in path.glob("*.log")) == []
        assert store.flush() == []
    assert (path / "p2.log").read_text() == f"# pilot p2 of {ONE}\nb\nc\n"
    assert _lines(path, "p/1") == ["a"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()} == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_first_owns_it(tmp_path: Path) -> None:
    """From the moment at which it was claimed, and after the log was removed; whoever comes later."""
    store = PilotStore(tmp_path, Bounds(file=100, files=1, pilots=1, total=10**6))
    _say(store, "p1", "a")
    assert store.claim("p1", OTHER) == ONE
    store.flush()
    store.close()
    store = PilotStore(tmp_path, Bounds(file=100, files=1, pilots=1, total=10**6))
    assert store.claim("p1", OTHER) == ONE
    _say(store, "p2", "b", owner=OTHER)
    assert store.flush() == ["p1"]
    assert not (tmp_path / "p1.log").exists()
    assert store.claim("p1", OTHER) == ONE
    _say(store, "p1", "c")
    assert store.flush() == ["p2"]
    assert _lines(tmp_path, "p1") == ["c"]
    store.close()


def test_a_repeat_is_dropped(tmp_path: Path) -> None:
    """Before it is flushed, afterwards, and in another process; the same id of another pilot is no repeat."""
    store = PilotStore(tmp_path, BOUNDS)
    for pilot in ("p1", "p2"):
        store.claim(pilot, ONE)
        assert store.add(pilot, ONE, "id", ("a",), finished=False)
        assert not store.add(pilot, ONE, "id", ("a",), finished=False)
    store.flush()
    assert not store.add("p1", ONE, "id", ("a",), finished=False)
    store.close()
    store = PilotStore(tmp_path, BOUNDS)
    assert not store.add("p1", ONE, "id", ("a",), finished=False)
    store.flush()
    store.close()
    assert (_lines(tmp_path, "p1"), _lines(tmp_path, "p2")) == (["a"], ["a"])


def test_rotation(tmp_path: Path) -> None:
    """A file is left before a message would make it too long; the newest files are kept, and numbers go on."""
    store = PilotStore(tmp_path, Bounds(file=120, files=3, pilots=10, total=10**6))
    for number in range(60):
        _say(store, "p1", f"line {number:02}")
        if number % 11 == 0:
            store.flush()
    store.flush()
    store.close()
    sizes = {file.name: file.stat().st_size for file in tmp_path.glob("p1.log*")}
    assert len(sizes) == 3
    assert max(sizes.values()) <= 120
    lines = _lines(tmp_path, "p1")
    assert lines == [f"line {number:02}" for number in range(60 - len(lines), 60)]
    assert sum(sizes.values()) > 240


def test_a_message_that_is_longer_than_a_file(tmp_path: Path) -> None:
    """It has a file of its own, whole."""
    store = PilotStore(tmp_path, Bounds(file=100, files=5, pilots=10, total=10**6))
    for text in ("before", "x" * 300, "after"):
        _say(store, "p1", text)
    store.flush()
    store.close()
    assert _lines(tmp_path, "p1") == ["before", "x" * 300, "after"]
    assert (tmp_path / "p1.log.2").stat().st_size > 300
    assert len(list(tmp_path.glob("p1.log*"))) == 3


def test_too_many_pilots(tmp_path: Path) -> None:
    """Those that have finished go first, the longest silent of them; then the longest silent of all."""
    moment = 0.0
    store = PilotStore(tmp_path, Bounds(file=200, files=2, pilots=5, total=10**6), clock=lambda: moment)
    for number in range(5):
        moment += 1
        _say(store, f"p{number}", "a", finished=number in (2, 3))
        store.flush()
    removed = []
    for number in range(5, 9):
        moment += 1
        _say(store, f"p{number}", "a")
        removed += store.flush()
    store.close()
    assert removed == ["p2", "p3", "p0", "p1"]
    assert len(list(tmp_path.glob("*.log"))) == 5


def test_too_many_octets(tmp_path: Path) -> None:
    """What all pilots together may have is kept, also over a restart, with older files counted."""
    bounds = Bounds(file=200, files=2, pilots=100, total=2000)
    for _ in range(2):
        store = PilotStore(tmp_path, bounds)
        for number in range(40):
            _say(store, f"p{number % 20}", "x" * 100)
            store.flush()
            assert sum(file.stat().st_size for file in tmp_path.glob("*.log*")) <= 2000
        store.close()
    assert sum(file.stat().st_size for file in tmp_path.glob("*.log*")) > 1500


def test_the_disk_refuses(tmp_path: Path) -> None:
    """Nothing of what was to be flushed is in any log then; when there is room again, it can be said again."""
    store = PilotStore(tmp_path, Bounds(file=10**6, files=2, pilots=10, total=10**7))
    _say(store, "p1", "a")
    store.flush()
    _say(store, "p1", "b" * 5000)
    _say(store, "p2", "c")
    with limited_files(4000), pytest.raises(OutputError, match=r"cannot keep pilots' logs in .*: "):
        store.flush()
    assert store.flush() == []
    for _ in range(2):  # the second time it is a repeat of nothing, for it has no id
        _say(store, "p1", "d")
    store.flush()
    store.close()
    assert _lines(tmp_path, "p1") == ["a", "d", "d"]
    assert not (tmp_path / "p2.log").exists()


def _write_one(path: Path) -> None:
    with contextlib.closing(PilotStore(path, BOUNDS)) as store:
        _say(store, "p1", "a")
        store.flush()


@pytest.mark.parametrize("name", ["p1.log", "pilots.sqlite"])
def test_a_link_is_no_log(tmp_path: Path, name: str) -> None:
    """What bears a log's name and is a link is not followed."""
    path, elsewhere = tmp_path / "logs", tmp_path / "elsewhere"
    PilotStore(path, BOUNDS).close()
    elsewhere.write_text("precious")
    (path / name).unlink(missing_ok=True)
    (path / name).symlink_to(elsewhere)
    with pytest.raises(OutputError):
        _write_one(path)
    assert elsewhere.read_text() == "precious"


def test_a_directory_of_others_is_refused(tmp_path: Path) -> None:
    """So is one that another consumer has, and one whose index has gone."""
    tmp_path.chmod(0o755)
    with pytest.raises(OutputError, match="is open to others") as caught:
        PilotStore(tmp_path, BOUNDS)
    assert "chmod 700" in str(caught.value.hint)
    tmp_path.chmod(0o700)
    store = PilotStore(tmp_path, BOUNDS)
    with pytest.raises(OutputError, match="another consumer writes to"):
        PilotStore(tmp_path, BOUNDS)
    _say(store, "p1", "a")
    store.flush()
    store.close()
    (tmp_path / "pilots.sqlite").unlink()
    with pytest.raises(OutputError, match="says whose they are"):
        PilotStore(tmp_path, BOUNDS)


def test_a_log_that_somebody_cut_goes_on(tmp_path: Path) -> None:
    """An operator may empty a log while nobody writes to it."""
    store = PilotStore(tmp_path, BOUNDS)
    _say(store, "p1", "a")
    store.flush()
    os.truncate(tmp_path / "p1.log", 0)
    _say(store, "p1", "b")
    store.flush()
    store.close()
    assert _lines(tmp_path, "p1") == ["b"]


def test_a_crash_at_each_step(tmp_path: Path) -> None:
    """Wherever a process ends, its successor leaves each line once, whole and in order."""
    script = Path(__file__).parents[1] / "support" / "crashing.py"
    done = subprocess.run(
        [sys.executable, str(script), "pilots", str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    steps = int(done.stdout)
    assert steps > 30
    for step in range(steps):
        for pilot in range(PILOTS):
            expected = [f"line {n} {half}" for n in range(pilot, MESSAGES, PILOTS) for half in "ab"]
            assert _lines(tmp_path / str(step) / "logs", f"p{pilot}") == expected, f"step {step}"


_WRITER = """
import sys
from pathlib import Path
from diracmq_cli.usecases.pilots import Bounds, PilotStore
path, start = Path(sys.argv[1]), int(sys.argv[2])
store = PilotStore(path, Bounds(file=4096, files=1000, pilots=100, total=10**9))
number = start
while True:
    for number in range(number, number + 50):
        pilot = f"p{number % 5}"
        store.claim(pilot, "/CN=owner")
        store.add(pilot, "/CN=owner", f"id-{number}", (f"line {number}",), finished=False)
    store.flush()
    number += 1
    print(number, flush=True)
"""


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_random(tmp_path: Path, kills: int) -> None:
    """SIGKILL, also in the middle of what SQLite does: each line that was acknowledged is there once, in order."""
    dice = chance()
    acknowledged = 0
    for _ in range(kills):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path), str(acknowledged)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            acknowledged = max(acknowledged, int(writer.stdout.readline()))
            time.sleep(dice.uniform(0, 0.1))
            writer.kill()
            for line in writer.stdout.read().splitlines():
                acknowledged = max(acknowledged, int(line))
    store = PilotStore(tmp_path, Bounds(file=4096, files=1000, pilots=100, total=10**9))
    for number in range(acknowledged, acknowledged + 50):  # what was in hand comes again
        store.claim(f"p{number % 5}", "/CN=owner")
        store.add(f"p{number % 5}", "/CN=owner", f"id-{number}", (f"line {number}",), finished=False)
    store.flush()
    store.close()
    for pilot in range(5):
        assert _lines(tmp_path, f"p{pilot}") == [f"line {n}" for n in range(pilot, acknowledged + 50, 5)]
