"""Files that a shipper picks up: whole lines, closed by size or time, bounded, and what a crash leaves of them."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.crashing import MESSAGES
from support.deliveries import a_delivery
from support.modules import a_job, limited_files, made

from diracmq_cli.consumer import Retry
from diracmq_cli.errors import ConfigError, OutputError
from diracmq_cli.usecases.batch import Batch
from diracmq_cli.usecases.batchfiles import BatchFiles


def _files(path: Path) -> list[str]:
    """What is in the files that have their names, in the order of their making."""
    closed = sorted(path.glob("*.ndjson"), key=lambda file: file.stat().st_mtime_ns)
    return [file.read_text() for file in closed]


def test_envelopes(tmp_path: Path) -> None:
    """A line is the envelope, as ``consume --json`` prints it; it is there when ``flush`` returns, named at the end."""
    path = tmp_path / "batches"
    module, _ = made(Batch, Directory=str(path), Prefix="jobs")
    module.execute(a_job(a_delivery(b"one")))
    module.execute(a_job(a_delivery(b"two")))
    module.flush()
    [part] = path.iterdir()
    assert part.name.startswith("jobs-20")
    assert part.name.endswith(".ndjson.part")
    module.finalize()
    [file] = path.iterdir()
    assert file.name == part.name.removesuffix(".part")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert [document["body"] for document in documents] == ["one", "two"]
    assert documents[0]["origin"] == {"level": "broker", "dn": "/DC=org/DC=example/CN=Some User"}


def test_closed_by_size(tmp_path: Path) -> None:
    """No file is longer than asked for, but for one that holds a single longer line; nothing is lost or split."""
    files = BatchFiles(tmp_path, "b", size=30, age=3600)
    lines = [f"line {number:02}\n".encode() for number in range(20)]
    lines.insert(7, b"x" * 50 + b"\n")
    files.append(lines)
    files.close_old()
    files.close_file()
    files.close()
    texts = _files(tmp_path)
    assert "".join(texts).encode() == b"".join(lines)
    assert all(len(text) <= 30 or text.count("\n") == 1 for text in texts)
    assert all(text.endswith("\n") for text in texts)


def test_closed_by_time(tmp_path: Path) -> None:
    """A file's age is that of its first line; an empty one is not made."""
    moment = 0.0
    files = BatchFiles(tmp_path, "b", size=1000, age=60, clock=lambda: moment)
    files.close_old()
    assert list(tmp_path.iterdir()) == []
    moment = 100
    files.append([b"a\n"])
    moment = 159
    files.append([b"b\n"])
    files.close_old()
    assert _files(tmp_path) == []
    moment = 160
    files.close_old()
    assert _files(tmp_path) == ["a\nb\n"]
    files.close()


def test_room(tmp_path: Path) -> None:
    """What nobody picks up stops the taking; it goes on when there is room again."""
    size = len(_one_envelope(tmp_path / "measure"))
    path = tmp_path / "batches"
    module, counts = made(Batch, Directory=str(path), MaxSize=str(2 * size), MaxTotalSize=str(4 * size + 10))
    for _ in range(4):
        module.execute(a_job())
    with pytest.raises(Retry, match="MaxTotalSize"):
        module.execute(a_job())
    module.flush()
    with pytest.raises(Retry, match="MaxTotalSize"):
        module.execute(a_job())
    assert counts["no_room"] == 2
    next(path.glob("*.ndjson")).unlink()
    module.execute(a_job())
    module.flush()
    module.finalize()
    assert sum(file.stat().st_size for file in path.iterdir()) == 3 * size


def _one_envelope(path: Path) -> str:
    module, _ = made(Batch, Directory=str(path))
    module.execute(a_job())
    module.flush()
    module.finalize()
    [text] = _files(path)
    return text


def test_the_disk_refuses(tmp_path: Path) -> None:
    """The messages come again, and no file holds half a line meanwhile."""
    module, _ = made(Batch, Directory=str(tmp_path))
    module.execute(a_job(a_delivery(b"before")))
    module.flush()
    module.execute(a_job(a_delivery(b"x" * 100_000)))
    with limited_files(50_000), pytest.raises(Retry, match="cannot write to"):
        module.flush()
    module.execute(a_job(a_delivery(b"after")))
    module.flush()
    module.finalize()
    [text] = _files(tmp_path)
    assert [json.loads(line)["body"] for line in text.splitlines()] == ["before", "after"]


@pytest.mark.parametrize(
    ("left", "kept"), [(b"a\nb\n", "a\nb\n"), (b"a\nb", "a\n"), (b"torn" * 40_000, None), (b"", None)]
)
def test_what_a_crash_leaves(tmp_path: Path, left: bytes, kept: str | None) -> None:
    """A file that was being written is closed without its torn end; one of another prefix is let alone."""
    (tmp_path / "b-1.ndjson.part").write_bytes(left)
    (tmp_path / "c-1.ndjson.part").write_bytes(left)
    files = BatchFiles(tmp_path, "b", size=1000, age=60)
    files.close()
    assert files.recovered == (kept is not None)
    assert _files(tmp_path) == ([] if kept is None else [kept])
    assert (tmp_path / "c-1.ndjson.part").read_bytes() == left
    assert not (tmp_path / "b-1.ndjson.part").exists()


def test_a_long_torn_end(tmp_path: Path) -> None:
    """However long it is."""
    (tmp_path / "b-1.ndjson.part").write_bytes(b"a\n" + b"x" * 200_000)
    BatchFiles(tmp_path, "b", size=1000, age=60).close()
    assert _files(tmp_path) == ["a\n"]


def test_a_crash_at_each_step(tmp_path: Path) -> None:
    """Each line that was acknowledged is there, whole; what was not may be there twice, since it comes again."""
    script = Path(__file__).parents[1] / "support" / "crashing.py"
    done = subprocess.run(
        [sys.executable, str(script), "batches", str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    steps = int(done.stdout)
    assert steps > 10
    wanted = {f"line {number}" for number in range(MESSAGES)}
    for step in range(steps):
        place = tmp_path / str(step)
        acknowledged = int((place / "acknowledged").read_text())
        lines = "".join(_files(place / "logs")).splitlines()
        assert set(lines) == wanted, f"step {step}"
        assert all(lines.count(f"line {number}") == 1 for number in range(acknowledged)), f"step {step}"
        assert not list((place / "logs").glob("*.part"))


def test_one_writer(tmp_path: Path) -> None:
    """A second one is refused."""
    files = BatchFiles(tmp_path, "b", size=1000, age=60)
    with pytest.raises(OutputError, match="another consumer writes to"):
        BatchFiles(tmp_path, "b", size=1000, age=60)
    files.close()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "Directory of Test/Module is not given"),
        ({"Directory": "batches"}, "not an absolute path"),
        ({"Prefix": "../evil"}, "is no part of a file's name"),
        ({"Prefix": ".hidden"}, "is no part of a file's name"),
        ({"MaxAge": "soon"}, "MaxAge of Test/Module: 'soon' is not a duration"),
        ({"MaxSize": "0"}, "MaxSize of Test/Module must be more than 0"),
        ({"MaxSize": "2G"}, "MaxTotalSize of Test/Module is less than MaxSize"),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, str], complaint: str) -> None:
    """Each is refused by its name."""
    given = options if not options or "Directory" in options else {"Directory": str(tmp_path), **options}
    with pytest.raises(ConfigError, match=complaint):
        made(Batch, **given)
