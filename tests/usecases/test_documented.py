"""What dirac-mq-usecases(7) shows, run as it is shipped: ``examples/usecases.cfg`` and what it names."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import rows
from support.queues import QueueFactory
from support.usecases import component

EXAMPLES = Path(__file__).parents[2] / "examples"

Start = Callable[..., None]


@pytest.fixture
def cfg(make_queue: QueueFactory) -> Path:
    """The queues of the example are there."""
    return make_queue.from_file(EXAMPLES / "usecases.cfg")


@pytest.fixture
def start(devbroker: Broker, cfg: Path, tmp_path: Path) -> Iterator[Start]:
    """Start a consumer of the example, with options and environment."""
    with ExitStack() as running:

        def run(name: str, *options: str, **environment: str) -> None:
            argv = [word for option in options for word in ("-o", option)]
            running.enter_context(component(devbroker, tmp_path, name, "--cfg", str(cfg), *argv, **environment))

        yield run


def _peek(broker: Broker, cfg: Path, queue: str, count: int) -> list[dict[str, object]]:
    """What is in a queue when so many have come."""
    broker.wait_count(queue, count, 60)
    return rows(broker.command(["dirac-mq", "peek", queue, "--cfg", str(cfg), "-j", "-n", "100"]))


def test_pilot_logs(devbroker: Broker, cfg: Path, start: Start, tmp_path: Path) -> None:
    """A pilot's line is in its log; a user is no pilot, by AllowedGroups and by the queue's rights."""
    start("WorkloadManagement/PilotLog", f"Directory={tmp_path / 'pilots'}")
    send = ["dirac-mq-send", "pilots.log", "--cfg", str(cfg), "-m", "payload started"]
    assert devbroker.command(send, "pilot", DIRAC_PILOT_STAMP="4f0c-wn17").status == 0
    assert devbroker.command(send, "user", DIRAC_PILOT_STAMP="4f0c-wn17").status == 77
    log = tmp_path / "pilots" / "4f0c-wn17.log"
    devbroker.wait_count("pilots.log", 0, 60)
    _wait_for(lambda: log.exists() and log.read_text().count("\n") == 2)
    heading, line = log.read_text().splitlines()
    assert heading == f"# pilot 4f0c-wn17 of {devbroker.dn('pilot')}"
    assert line.endswith("Z payload started")


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_work_driven_by_data(devbroker: Broker, cfg: Path, start: Start) -> None:
    """A raw file becomes a task, another file nothing, and what is no LFN a dead letter."""
    script = EXAMPLES / "on-registered.sh"
    start("Transformation/FileRegistered", f"Command=sh {script}", "RetryDelay=200ms")
    lines = '/lhcb/data/1.raw\n/lhcb/data/1.dst\n/lhcb/x"y.raw\nno lfn\n'
    send = ["dirac-mq-send", "files.registered", "--cfg", str(cfg), "-l", "--json"]
    sent = rows(devbroker.command(send, input=lines))
    failed = _peek(devbroker, cfg, "files.failed", 2)
    assert {row["body"] for row in failed} == {'/lhcb/x"y.raw', "no lfn"}
    [task] = _peek(devbroker, cfg, "files.tasks", 1)
    assert json.loads(str(task["body"])) == {"task": "reconstruct", "lfn": "/lhcb/data/1.raw"}
    assert task["properties"]["message_id"] == sent[0]["message_id"]  # type: ignore[index]


def test_monitoring(devbroker: Broker, cfg: Path, start: Start, tmp_path: Path) -> None:
    """Records are in a file that has its name."""
    directory = tmp_path / "monitoring"
    start("Monitoring/Batch", f"Directory={directory}", "MaxAge=1s")
    send = ["dirac-mq-send", "monitoring.records", "--cfg", str(cfg), "-l"]
    assert devbroker.command(send, input='{"cpu":1}\n{"cpu":2}\n').status == 0
    _wait_for(lambda: bool(list(directory.glob("records-*.ndjson"))))
    texts = [file.read_text() for file in directory.glob("*.ndjson")]
    assert [json.loads(line)["body"] for line in "".join(texts).splitlines()] == ['{"cpu":1}', '{"cpu":2}']


def test_executors(devbroker: Broker, cfg: Path, start: Start) -> None:
    """Jobs pass three stages under their own ids; what a stage refuses is a dead letter with the reason."""
    for stage in ("JobSanity", "InputData", "JobScheduling"):
        start(f"WorkloadManagement/{stage}", PYTHONPATH=str(EXAMPLES))
    jobs: list[dict[str, object]] = [
        {"job": 1, "executable": "run.sh", "input": "/lhcb/data/1.raw"},
        {"job": 2, "executable": "run.sh"},
        {"job": 3},
        {"job": 4, "executable": "run.sh", "input": "/lhcb/data/9.raw"},
    ]
    lines = "".join(json.dumps(job) + "\n" for job in jobs)
    sent = rows(devbroker.command(["dirac-mq-send", "jobs.new", "--cfg", str(cfg), "-l", "--json"], input=lines))
    waiting = _peek(devbroker, cfg, "jobs.waiting", 2)
    ids = [row["message_id"] for row in sent[:2]]
    assert [row["properties"]["message_id"] for row in waiting] == ids  # type: ignore[index]
    done = [json.loads(str(row["body"])) for row in waiting]
    assert [(job["job"], job["sites"]) for job in done] == [(1, ["LCG.CERN"]), (2, ["ANY"])]
    failed = _peek(devbroker, cfg, "jobs.failed", 2)
    reasons = {row["headers"]["dirac-moved"]["reason"] for row in failed}  # type: ignore[index]
    assert reasons == {"it has no executable", "no replica of /lhcb/data/9.raw"}
