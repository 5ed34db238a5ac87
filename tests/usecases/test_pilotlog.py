"""``PilotLog`` under ``dirac-consumer``: each pilot's lines are in its log, once and in order, whatever dies."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import rows
from support.forked import Fleet, fleet_in
from support.queues import QueueFactory
from support.senders import tiny_disk
from support.usecases import consumer

RIGHTS = "group:dirac_user, group:dirac_pilot"


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Senders, a few at a time."""
    (tmp_path / "senders").mkdir()
    with fleet_in(tmp_path / "senders", at_once=8) as senders:
        yield senders


class Pilots:
    """Pilots that send their lines in several runs, each with a spool of its own."""

    def __init__(self, broker: Broker, fleet: Fleet, destination: str, cfg: Path, directory: Path, number: int) -> None:
        self._broker, self._fleet, self._argv = broker, fleet, [destination, "--cfg", str(cfg), "--outage", "1s"]
        self._directory = directory
        self.names = [f"wn/{number}" for number in range(number)]
        self.said: dict[str, list[str]] = {name: [] for name in self.names}

    def send(self, lines: int) -> set[int]:
        """One run of each pilot; returns their statuses: confirmed, or kept in the spool (on a busy machine, too)."""
        runs = [self._run(place, lines) for place in range(len(self.names))]
        ended = self._fleet.wait(300)
        statuses = {ended[run].status for run in runs}
        assert statuses <= {0, 5}
        return statuses

    def flush(self) -> bool:
        """Send what is still kept; whether nothing is."""
        return self.send(0) == {0}

    def _run(self, place: int, lines: int) -> int:
        name = self.names[place]
        first = len(self.said[name])
        new = [f"line {number}" for number in range(first, first + lines)]
        self.said[name] += new
        argv = ["send", *self._argv, "-l", f"--spool={self._directory / str(place)}"]
        environment = self._broker.env("pilot", DIRAC_PILOT_STAMP=name)
        return self._fleet.start(argv, environment, stdin="".join(f"{line}\n" for line in new).encode())


def _logs(path: Path) -> dict[str, list[str]]:
    """The whole lines of all pilots so far, without their times."""
    logs: dict[str, list[str]] = {}
    for file in path.glob("*.log"):
        heading, *lines = file.read_text().split("\n")[:-1] or [""]
        if heading:
            pilot = heading.removeprefix("# pilot ").split(" of ")[0]
            logs[pilot] = [line.split(" ", 1)[1] for line in lines]
    return logs


def _until(condition: Callable[[], bool], seconds: float, complaint: Callable[[], object]) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "lines", "outage"),
    [(20, 50, 3.0), pytest.param(200, 100, 60.0, marks=pytest.mark.soak)],
)
def test_complete_and_in_order(
    devbroker: Broker,
    make_queue: QueueFactory,
    fleet: Fleet,
    tmp_path: Path,
    number: int,
    lines: int,
    outage: float,
) -> None:
    """Through an outage of the broker; another DN's message for one of the pilots is refused, counted and kept."""
    dead, _ = make_queue(Movers="group:dirac_user", Publishers=RIGHTS)
    name, cfg = make_queue("quorum", DeliveryLimit=1_000_000, DeadLetterQueue=dead)
    logs = tmp_path / "logs"
    pilots = Pilots(devbroker, fleet, name, cfg, tmp_path, number)
    with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs) as component:
        pilots.send(2 * lines)
        _until(lambda: bool(_logs(logs)), 120, lambda: component.stderr)
        devbroker.kill()
        down = time.monotonic()
        assert pilots.send(lines) == {5}
        time.sleep(max(0.0, outage - (time.monotonic() - down)))  # the outage is to last that long
        devbroker.start()
        pilots.send(2 * lines)
        _until(pilots.flush, 240, lambda: "the spools are not empty")
        wanted = sum(map(len, pilots.said.values()))
        assert wanted == 5 * number * lines
        _until(lambda: sum(map(len, _logs(logs).values())) >= wanted, 240, lambda: component.stderr)
        forged = devbroker.command(
            ["dirac-mq-send", name, "--cfg", str(cfg), "-m", "I am that pilot"], DIRAC_PILOT_STAMP=pilots.names[0]
        )
        assert forged.status == 0
        devbroker.wait_count(dead, 1, 60)
        component.signal(15)
        done = component.end(60)
    assert _logs(logs) == pilots.said
    assert done.status == 0
    assert "foreign_pilot 1" in done.stderr
    [letter] = rows(devbroker.command(["dirac-mq", "peek", dead, "--cfg", str(cfg), "-j", "-n", "5"]))
    assert letter["body"] == "I am that pilot"
    reason = f"pilot {pilots.names[0]} belongs to {devbroker.dn('pilot')}, not to {devbroker.dn('user')}"
    assert letter["headers"]["dirac-moved"]["reason"] == reason


@pytest.mark.parametrize(("lines", "kills"), [(300, 3), pytest.param(5000, 40, marks=pytest.mark.soak)])
def test_killed_in_the_middle(
    devbroker: Broker, make_queue: QueueFactory, fleet: Fleet, tmp_path: Path, lines: int, kills: int
) -> None:
    """SIGKILL while it writes: nothing is lost, nothing is there twice."""
    name, cfg = make_queue("quorum", DeliveryLimit=1_000_000, DeadLetterQueue=make_queue()[0])
    logs = tmp_path / "logs"
    pilots = Pilots(devbroker, fleet, name, cfg, tmp_path, 5)
    pilots.send(lines)
    _until(pilots.flush, 240, lambda: "the spools are not empty")
    wanted = 5 * lines
    for kill in range(1, kills + 1):
        with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs, Prefetch=20) as component:
            enough = wanted * kill // (kills + 2)
            _until(lambda least=enough: _written(logs) >= least, 120, lambda: component.stderr)  # type: ignore[misc]
    with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs) as component:
        _until(lambda: devbroker.count(name) == 0 and _written(logs) >= wanted, 240, lambda: component.stderr)
        component.signal(15)
        assert component.end(60).status == 0
    assert _logs(logs) == pilots.said
    assert devbroker.count(name) == 0


def _written(path: Path) -> int:
    return sum(map(len, _logs(path).values()))


def test_the_disk_is_full(devbroker: Broker, make_queue: QueueFactory, fleet: Fleet, tmp_path: Path) -> None:
    """That is no message's fault: nothing is given up, and when there is room again everything is written."""
    dead, _ = make_queue()
    name, cfg = make_queue("quorum", DeliveryLimit=1_000_000, DeadLetterQueue=dead)
    pilots = Pilots(devbroker, fleet, name, cfg, tmp_path, 3)
    with tiny_disk(tmp_path / "logs", "1m") as logs:
        options = {"Directory": logs / "pilots", "MaxTries": 1}
        with consumer(devbroker, tmp_path, cfg, name, "PilotLog", **options) as component:
            pilots.send(1)
            _until(pilots.flush, 240, lambda: "the spools are not empty")
            _until(lambda: _written(logs / "pilots") == 3, 120, lambda: component.stderr)
            filler = logs / "filler"
            with filler.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(b"x" * 512)
            pilots.send(500)
            _until(pilots.flush, 240, lambda: "the spools are not empty")
            component.says("no space left on device", 60)
            filler.unlink()
            _until(lambda: _written(logs / "pilots") >= 3 * 501, 120, lambda: component.stderr)
            component.signal(15)
            done = component.end(60)
        got = _logs(logs / "pilots")
    assert done.status == 0
    assert {pilot: sorted(lines) for pilot, lines in got.items()} == {
        pilot: sorted(lines) for pilot, lines in pilots.said.items()
    }
    assert devbroker.count(dead) == 0


def test_status_messages_and_what_is_refused(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """The six fields of DIRAC's own messages are taken; a message of no pilot is dead-lettered with its reason."""
    dead, _ = make_queue(Movers="group:dirac_user", Publishers=RIGHTS)
    name, cfg = make_queue(DeadLetterQueue=dead)
    logs = tmp_path / "logs"
    status = json.dumps(["../../evil\n", "2026-11-24T01:00:00", "wn17", "pilot", "Done", "42 jobs"])
    send = ["dirac-mq-send", name, "--cfg", str(cfg)]
    assert devbroker.command([*send, "-m", status], "pilot").status == 0
    assert devbroker.command([*send, "-m", "nobody's line"], "pilot").status == 0
    with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs, MaxMessages=2) as component:
        done = component.end(60)
    assert (done.status, done.stdout) == (0, "")
    assert "no_pilot 1" in done.stderr
    assert _logs(logs) == {"../../evil\\n": ["[wn17 pilot Done] 42 jobs"]}
    assert [file.parent for file in tmp_path.rglob("*.log")] == [logs]
    [letter] = rows(devbroker.command(["dirac-mq", "peek", dead, "--cfg", str(cfg), "-j", "-n", "5"]))
    assert letter["headers"]["dirac-moved"]["reason"].startswith("it names no pilot: ")


def test_an_unproved_sender_is_no_pilot(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Whoever leaves out what the broker would vouch for reaches no log, whatever his headers claim."""
    import pika

    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    logs = tmp_path / "logs"
    with devbroker.channel("pilot") as channel:
        headers = {"dirac-dn": devbroker.dn("pilot"), "dirac-pilot": "p1"}
        channel.basic_publish(f"{name}.x", "", b"x", pika.BasicProperties(headers=headers), mandatory=True)
    with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs, MaxMessages=1) as component:
        done = component.end(60)
    assert "unproved 1" in done.stderr
    assert _logs(logs) == {}


def test_two_writers(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A second consumer on one directory is refused, and one that would write side by side."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    logs = tmp_path / "logs"
    with consumer(devbroker, tmp_path, cfg, name, "PilotLog", Directory=logs):
        argv = ["dirac-consumer", "Test/Consumer", "--cfg", str(cfg), "--cfg", str(tmp_path / "consumer.cfg")]
        second = devbroker.command([*argv, "-o", f"ControlDirectory={tmp_path / 'control'}"])
        assert (second.status, second.stdout) == (1, "")
        assert f"another consumer writes to {logs}" in second.stderr
        side_by_side = devbroker.command([*argv, "-o", "Concurrency=2"])
        assert side_by_side.status == 1
        assert "keeps an order" in side_by_side.stderr
