"""The health file of ``dirac-consumer``, as a supervisor reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.broker import Broker
from support.commands import publish
from support.faultproxy import FaultProxy
from support.queues import QueueFactory
from support.usecases import NAME, consumer
from support.waiting import eventually

from diracmq_cli.consumer.statusfile import StatusFile


def _health(file: Path, state: str, **fields: Callable[[Any], bool]) -> Callable[[], dict[str, Any]]:
    """What it says, once it is in that state and its fields are as asked; whenever it is read it is one line."""

    def look() -> dict[str, Any]:
        (line,) = file.read_text().splitlines()
        said: dict[str, Any] = json.loads(line)
        assert said["state"] == state, said
        for name, asked in fields.items():
            assert asked(said[name]), said
        return said

    return look


def test_states(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path) -> None:
    """Disconnected, running, stopping while a message is finished; then there is no file."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    file, flag = tmp_path / "health", tmp_path / "flag"
    script = f"touch {flag}; while test -e {flag}; do sleep 0.1; done"
    options = {"Shell": script, "HealthFile": file}
    through = f"/Resources/MQServices/dev/Port={fault_proxy.port}"
    fault_proxy.refuse()
    with consumer(devbroker, tmp_path, cfg, name, "Command", "-o", through, **options) as component:
        lost = eventually(_health(file, "disconnected"))
        assert (lost["component"], lost["pid"]) == (NAME, component.process.pid)
        assert (lost["broker_silent_seconds"], lost["in_hand"], lost["executing_seconds"]) == (None, 0, None)

        fault_proxy.clear()
        running = eventually(_health(file, "running"))
        assert running["broker_silent_seconds"] >= 0
        assert running["since"] >= lost["since"]

        publish(devbroker, name, "work")
        eventually(_health(file, "running", in_hand=lambda it: it == 1, executing_seconds=lambda it: it > 0))
        component.signal(15)
        ending = eventually(_health(file, "stopping", executing_seconds=lambda it: it is not None))
        assert ending["in_hand"] == 1
        flag.unlink()
        assert component.end(60).status == 0
    assert list(tmp_path.glob("*health*")) == []
    assert devbroker.count(name) == 0


def test_one_that_hangs_or_is_dead_shows_by_its_age(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """A process that is stopped does not renew the file; one that is killed leaves it, and the next takes it over."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    file = tmp_path / "health"
    with consumer(devbroker, tmp_path, cfg, name, "Command", Command="true", HealthFile=file) as component:
        said = eventually(_health(file, "running"))
        assert said["pid"] == component.process.pid
        component.signal(19)
        eventually(lambda: time.time() - file.stat().st_mtime > 4)
        component.signal(18)
        eventually(lambda: time.time() - file.stat().st_mtime < 2)
        component.signal(9)
        component.process.wait()
    assert json.loads(file.read_text())["pid"] == said["pid"]
    with consumer(devbroker, tmp_path, cfg, name, "Command", Command="true", HealthFile=file) as component:
        assert eventually(_health(file, "running"))["pid"] == component.process.pid


def test_a_full_disk_ends_no_consumer(tmp_path: Path, caplog: Any) -> None:
    """It is told once, and so is that it is over; no half-written file is left."""
    directory = tmp_path / "there"
    file = StatusFile(str(directory / "health"), "HealthFile")
    with caplog.at_level("INFO", "dirac-consumer"):
        file.replace("one\n")
        file.replace("two\n")
        directory.mkdir()
        file.replace("three\n")
    assert [record.getMessage() for record in caplog.records] == [
        f"HealthFile: cannot write {directory}/health: No such file or directory",
        f"HealthFile: {directory}/health is written again",
    ]
    assert (directory / "health").read_text() == "three\n"
    assert [each.name for each in directory.iterdir()] == ["health"]
