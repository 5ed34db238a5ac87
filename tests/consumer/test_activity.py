"""DIRAC's activity records from ``dirac-consumer``, as who reads that queue finds them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import Running, publish, running, take
from support.faultproxy import FaultProxy
from support.queues import QueueFactory
from support.usecases import NAME, consumer, section
from support.waiting import eventually

QUEUE = "ComponentMonitoring"


def _records(broker: Broker) -> list[dict[str, Any]]:
    """What has come, taken away; each message is a list of records."""
    found = []
    for _, properties, body in take(broker, QUEUE):
        assert (properties.type, properties.content_type) == ("ComponentMonitoring", "application/json")
        found += json.loads(body)
    return found


def test_records_say_what_was_done(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """In the fields that DIRAC's monitoring type of that name has, with its units."""
    devbroker.purge(QUEUE)
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    begun = int(time.time())
    options = {"Shell": "sleep 0.2", "MonitoringInterval": "500ms"}
    with consumer(devbroker, tmp_path, cfg, name, "Command", **options) as component:
        publish(devbroker, name, "one", "two", "three")
        records: list[dict[str, Any]] = []

        def all_told() -> bool:
            records.extend(_records(devbroker))
            return sum(record["cycles"] for record in records) == 3

        eventually(all_told)
        eventually(lambda: _records(devbroker)[0]["cycles"] == 0 if devbroker.count(QUEUE) else False)
        component.signal(15)
        assert component.end(60).status == 0
    for record in records:
        assert record["component"] == "Test_Consumer"
        assert record["componentType"] == "consumer"
        assert record["host"] == os.uname().nodename
        assert record["pid"] == component.process.pid
        assert begun <= record["timestamp"] <= time.time()
        assert 5 < record["memoryUsage"] < 500
        assert record["cpuPercentage"] >= 0
        assert record["threads"] >= 3
        assert record["runningTime"] >= 0
        assert ("cycleDuration" in record) == (record["cycles"] > 0)
    durations = [record["cycleDuration"] for record in records if record["cycles"]]
    assert all(0.2 <= seconds < 10 for seconds in durations)


def test_a_cs_without_that_queue(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """There are no records then, and nothing is said of it (but with -d)."""
    devbroker.purge(QUEUE)
    name, queues = make_queue(DeadLetterQueue=make_queue()[0])
    whole = devbroker.layout.cfg.read_text()
    without, framework = tmp_path / "without.cfg", whole.index("Systems\n{")
    without.write_text(whole[:framework])
    own = tmp_path / "own.cfg"
    own.write_text(section(name, "Command", Shell=f"printf x >> {tmp_path}/done", MonitoringInterval="50ms"))
    argv = ["dirac-consumer", NAME, "--cfg", str(queues), "--cfg", str(own), "-d"]
    root = str(tmp_path / "root")
    with running(devbroker, argv, DIRACSYSCONFIG=str(without), DIRAC_ROOT_PATH=root) as component:
        component.says("VERBOSE: no activity records", 60)
        _handles_and_ends(devbroker, name, tmp_path / "done", component)
    assert devbroker.count(QUEUE) == 0


@pytest.mark.parametrize("silent", [False, True])
def test_a_broker_that_takes_none(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path, silent: bool
) -> None:
    """One that is away, or says nothing for ever: messages are handled, and it ends when it is told to."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    if silent:
        fault_proxy.stall()
    else:
        fault_proxy.refuse()
    through = f"/Systems/Framework/MessageQueueing/{QUEUE}/Port={fault_proxy.port}"
    options = {"Shell": f"printf x >> {tmp_path}/done", "MonitoringInterval": "50ms"}
    with consumer(devbroker, tmp_path, cfg, name, "Command", "-o", through, **options) as component:
        if silent:
            eventually(lambda: fault_proxy.open > 0)
        else:
            component.says(f"no activity record to Framework/{QUEUE}", 60)
        _handles_and_ends(devbroker, name, tmp_path / "done", component)


def _handles_and_ends(broker: Broker, queue: str, done: Path, component: Running) -> None:
    publish(broker, queue, "one", "two")
    eventually(lambda: done.exists() and len(done.read_text()) == 2)
    component.signal(15)
    ended = component.end(60)
    assert ended.status == 0
    assert "2 handled" in ended.stderr
    assert "Traceback" not in ended.stderr
