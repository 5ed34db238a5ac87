"""``Batch`` under ``dirac-consumer``: every message in a file that a shipper can pick up, whatever dies meanwhile."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import Running, rows
from support.queues import QueueFactory
from support.usecases import consumer


def _envelopes(path: Path) -> list[dict[str, object]]:
    """What is in the files that have their names: each line is one."""
    return [json.loads(line) for file in path.glob("*.ndjson") for line in file.read_text().splitlines()]


def _bodies(*paths: Path) -> set[str]:
    """What has been written so far, also to the file that is not closed yet."""
    texts = []
    for file in (file for path in paths for file in path.glob("*.ndjson*")):
        with suppress(FileNotFoundError):  # closed meanwhile, or picked up
            texts.append(file.read_text())
    return {json.loads(line)["body"] for text in texts for line in text.split("\n")[:-1]}


def _pick_up(path: Path, away: Path) -> None:
    """What a shipper does."""
    for file in path.glob("*.ndjson"):
        file.rename(away / file.name)


def _until(condition: Callable[[], bool], component: Running) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, component.stderr
        time.sleep(0.05)


@pytest.mark.parametrize(("count", "kills"), [(900, 2), pytest.param(50_000, 30, marks=pytest.mark.soak)])
def test_killed_in_the_middle(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, count: int, kills: int
) -> None:
    """Each message is in a file, as its reader's envelope; no file holds half a line; SIGTERM closes the last one."""
    name, cfg = make_queue("quorum", DeliveryLimit=1_000_000, DeadLetterQueue=make_queue()[0])
    batches, away = tmp_path / "batches", tmp_path / "away"
    away.mkdir()
    lines = "".join(f"line {number}\n" for number in range(count))
    sent = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--json"], input=lines, timeout=120)
    ids = {row["message_id"] for row in rows(sent)}
    assert len(ids) == count
    options = {"Directory": batches, "MaxSize": "8k"}
    for kill in range(1, kills + 1):
        enough = count * kill // (kills + 2)
        with consumer(devbroker, tmp_path, cfg, name, "Batch", Prefetch=30, **options) as component:
            _until(lambda least=enough: len(_bodies(batches, away)) >= least, component)  # type: ignore[misc]
        _pick_up(batches, away)
    with consumer(devbroker, tmp_path, cfg, name, "Batch", **options) as component:
        _until(lambda: len(_bodies(batches, away)) == count, component)
        component.signal(15)
        done = component.end(60)
    assert (done.status, done.stdout) == (0, "")
    assert devbroker.count(name) == 0
    assert not list(batches.glob("*.part"))
    _pick_up(batches, away)
    got = _envelopes(away)
    assert {row["properties"]["message_id"] for row in got} == ids  # type: ignore[index]
    assert {row["body"] for row in got} == set(lines.splitlines())
    assert {row["origin"]["dn"] for row in got} == {devbroker.dn("user")}  # type: ignore[index]
    assert max(file.stat().st_size for file in away.iterdir()) <= 8192


def test_closed_by_time_and_full(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A file is closed when nothing comes any more; what is over MaxTotalSize waits in the queue until it fits."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    batches = tmp_path / "batches"
    send = ["dirac-mq-send", name, "--cfg", str(cfg), "-l"]
    assert devbroker.command(send, input="x\n" * 3).status == 0
    options = {"Directory": batches, "MaxAge": "1s", "MaxSize": "3k", "MaxTotalSize": "3k"}
    with consumer(devbroker, tmp_path, cfg, name, "Batch", **options) as component:
        _until(lambda: len(_envelopes(batches)) == 3, component)
        assert devbroker.command(send, input="y\n" * 10).status == 0
        component.says("have come to MaxTotalSize", 60)
        got: list[dict[str, object]] = []
        while len(got) < 13:
            _until(lambda: bool(list(batches.glob("*.ndjson"))), component)
            for file in list(batches.glob("*.ndjson")):
                got += [json.loads(line) for line in file.read_text().splitlines()]
                file.unlink()
        component.signal(15)
        done = component.end(60)
    assert done.status == 0
    assert "no_room" in done.stderr
    assert sorted(str(row["body"]) for row in got) == ["x"] * 3 + ["y"] * 10
