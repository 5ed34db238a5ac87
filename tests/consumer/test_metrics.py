"""Metrics of ``dirac-consumer``, read by Prometheus's own parser."""

from __future__ import annotations

import os
import socket
import stat
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.broker import Broker
from support.commands import publish
from support.queues import QueueFactory
from support.usecases import NAME, consumer, section
from support.waiting import eventually

ANSWERS = """case "$(cat)" in
  good) echo done ;;
  later) mkdir $0.seen 2>/dev/null || exit 0; exit 75 ;;
  bad) exit 65 ;;
esac"""


class Samples:
    """What a text in Prometheus's format says: ``samples("in_hand")`` without the prefix, which all names have."""

    def __init__(self, text: str) -> None:
        self.labels: set[str] = set()
        self._values: dict[tuple[str, str | None], float] = {}
        self.types: dict[str, str] = {}
        for family in text_string_to_metric_families(text):
            self.types[family.name] = family.type
            for sample in family.samples:
                assert sample.name.startswith("dirac_consumer_")
                assert sample.labels["component"] == NAME
                key: Mapping[str, str] = sample.labels
                self.labels.update(key)
                more = key.get("queue") or key.get("le") or key.get("name")
                self._values[sample.name.removeprefix("dirac_consumer_"), more] = sample.value

    def __call__(self, name: str, label: str | None = None) -> float:
        return self._values[name, label]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _scraped(port: int) -> Samples:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        return Samples(answer.read().decode())


def test_what_becomes_of_messages_is_counted(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """At the port while it runs, in the file when it has ended; the port is on loopback only."""
    dead, _ = make_queue()
    results, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead, Origin="broker")
    address = f"dev::Queues::{name}"
    port, file = _free_port(), tmp_path / "consumer.prom"
    script = tmp_path / "answers"
    script.write_text(ANSWERS)
    options = {"Command": f"sh {script}", "ForwardTo": results, "MetricsPort": port, "MetricsFile": file}
    with consumer(devbroker, tmp_path, cfg, name, "Command", **options) as component:
        first = _scraped(port)
        assert first("messages_handled_total", address) == 0
        mine = devbroker.dn("user")
        publish(devbroker, name, "good", "good", "later", "bad", user_id=mine, headers={"dirac-dn": mine})
        publish(devbroker, name, "nobody's")

        def settled() -> Samples:
            now = _scraped(port)
            assert now("messages_handled_total", address) == 3
            assert now("messages_dead_lettered_total", address) == 1
            assert now("messages_refused_total", address) == 1
            return now

        now = eventually(settled)
        assert now("messages_received_total", address) == 4
        assert now("messages_retried_total", address) == 1
        assert now("tries_failed_total", address) == 0
        assert now("messages_forwarded_total", address) == now("module_total", "forwarded") == 2
        assert now("execute_seconds_count") == now("execute_seconds_bucket", "+Inf") == 5
        assert 0 < now("execute_seconds_sum") < 5 * now("longest_execute_seconds")
        assert (now("messages_in_hand"), now("queues"), now("queues_connected")) == (0, 1, 1)
        assert now("resident_memory_bytes") == pytest.approx(_resident(component.process.pid), rel=0.5)
        assert now("cpu_seconds_total") > 0
        assert now.types["dirac_consumer_execute_seconds"] == "histogram"
        assert f"0100007F:{port:04X}" in _listening()
        component.signal(15)
        assert component.end(60).status == 0
    text = file.read_text()
    assert Samples(text)("messages_handled_total", address) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [each.name for each in tmp_path.iterdir() if "prom" in each.name] == ["consumer.prom"]


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _listening() -> set[str]:
    """Addresses that somebody listens on, as the kernel writes them."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A"}


@pytest.mark.parametrize("trouble", ["port taken", "no directory", "no library"])
def test_metrics_that_cannot_be_had(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, trouble: str) -> None:
    """That is said at the start, with what to do, and nothing is taken."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    publish(devbroker, name, "stays")
    environment = {}
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        option, said = {
            "port taken": (("MetricsPort", port), f"MetricsPort = {port} of /Systems/Test/Consumers/Consumer"),
            "no directory": (("MetricsFile", tmp_path / "no" / "a.prom"), "MetricsFile: cannot write"),
            "no library": (("MetricsPort", _free_port()), "pip install 'diracmq-cli[consumer]'"),
        }[trouble]
        if trouble == "no library":
            hiding = tmp_path / "hiding" / "prometheus_client.py"
            hiding.parent.mkdir()
            hiding.write_text("raise ModuleNotFoundError('as if it were not there', name='prometheus_client')\n")
            environment["PYTHONPATH"] = str(hiding.parent)
        own = tmp_path / "consumer.cfg"
        own.write_text(section(name, "Command", Command="true", **dict([option])))
        argv = ["dirac-consumer", NAME, "--cfg", str(cfg), "--cfg", str(own)]
        done = devbroker.command(argv, DIRAC_ROOT_PATH=str(tmp_path), **environment)
    assert (done.status, done.stdout) == (1, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert devbroker.count(name) == 1
