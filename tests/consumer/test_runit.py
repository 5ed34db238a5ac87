"""``dirac-consumer --install-runit``, and what it makes, under Debian's runit."""

from __future__ import annotations

import stat
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish
from support.consumers import PATIENCE, Consumer
from support.queues import QueueFactory
from support.runit import Service
from support.waiting import eventually

WORK = """
class Module(ConsumerModule):
    def execute(self, message):
        time.sleep(0.01)
        write(message.text, os.getpid())
"""
IN_HAND = 2
"""What a consumer of one worker takes from a queue, in whose acknowledgement a kill may come, too."""

FILES = ("control/t", "log/config", "log/run", "run")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory whose name a shell would take apart."""
    place = tmp_path / 'it\'s a $HOME; of `its` "own"'
    place.mkdir()
    return place


def _service(broker: Broker, make_queue: QueueFactory, place: Path) -> tuple[str, Consumer, Service]:
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    consumer = Consumer(broker, place, cfg, WORK, Queues=name)
    return name, consumer, Service(consumer, place / "root", place / "Test_Case")


def test_stops_restarts_and_kills_lose_nothing(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """Every message is handled; twice at most what was in hand when it was killed."""
    name, consumer, service = _service(devbroker, make_queue, place)
    assert service.install().status == 0
    numbers = [str(number) for number in range(400)]
    publish(devbroker, name, *numbers)
    with service.supervised():
        consumer.writes("20 ")
        first = service.pid
        service.sv("restart")
        eventually(lambda: service.pid != first)
        consumer.writes("40 ")
        service.sv("stop")
        stopped = len(consumer.written)
        assert "down: " in service.sv("status")
        devbroker.wait_count(name, len(numbers) - stopped, PATIENCE)
        assert len(consumer.written) == stopped
        service.sv("start")
        service.says("takes from", 3)
        eventually(lambda: len(consumer.written) > stopped + 20)
        service.sv("kill")
        eventually(lambda: len({line.split()[0] for line in consumer.written}) == len(numbers))
        service.sv("stop")
    devbroker.wait_count(name, 0, PATIENCE)
    handled = Counter(line.split()[0] for line in consumer.written)
    assert set(handled) == set(numbers)
    assert handled.total() <= len(numbers) + IN_HAND
    assert "stop_consumer is there: ending" in service.log
    assert service.log.count(" ends: ") == 3


def test_a_stop_that_comes_at_once(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """However soon after its start it is told to stop, it does, and what comes then is left alone."""
    name, consumer, service = _service(devbroker, make_queue, place)
    assert service.install().status == 0
    consumer.control.mkdir()
    with service.supervised():
        for _ in range(2):
            service.sv("start")
            service.sv("stop")
        publish(devbroker, name, "stays")
        assert "down: " in service.sv("status")
        devbroker.wait_count(name, 1, PATIENCE)
        service.sv("start")
        consumer.writes("stays")


def test_copies_share_the_work(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """Each message is handled by one of them, and a stop of one is none of the other."""
    name, consumer, one = _service(devbroker, make_queue, place)
    two = Service(consumer, place / "root", place / "Test_Case2", "-o", f"ControlDirectory={place}/control 2")
    assert (one.install().status, two.install().status) == (0, 0)
    with one.supervised(), two.supervised():
        one.says("takes from")
        two.says("takes from")
        publish(devbroker, name, *map(str, range(200)))
        eventually(lambda: len(consumer.written) == 200)
        assert {line.split()[1] for line in consumer.written} == {str(one.pid), str(two.pid)}
        one.sv("stop")
        publish(devbroker, name, "more")
        consumer.writes(f"more {two.pid}")
    assert len(consumer.written) == len({line.split()[0] for line in consumer.written}) == 201


def test_what_is_there_is_kept(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """Installed twice it says so; what differs is overwritten by --force only, and until then nothing is."""
    _, _, service = _service(devbroker, make_queue, place)
    first = service.install()
    assert (first.status, first.stdout) == (0, "")
    paths = [service.directory / name for name in FILES]
    assert all(f"wrote {path}" in first.stderr for path in paths)
    assert sorted(path for path in service.directory.rglob("*") if path.is_file()) == sorted(paths)
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o755, 0o644, 0o755, 0o755]
    for script in paths:
        if script.name != "config":
            subprocess.run(["bash", "-n", str(script)], check=True)

    again = service.install()
    assert again.status == 0
    assert "is as it should be" in again.stderr

    run = service.directory / "run"
    own, text = "#!/bin/sh\nexec mine\n", run.read_text()
    run.write_text(own)
    (service.directory / "log" / "run").unlink()
    refused = service.install()
    assert (refused.status, refused.stdout) == (1, "")
    assert f"{run}: there already, and different" in refused.stderr
    assert "--force overwrites" in refused.stderr
    assert (run.read_text(), (service.directory / "log" / "run").exists()) == (own, False)
    assert service.install("--force").status == 0
    assert run.read_text() == text


def test_what_cannot_be_installed(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """No such consumer, a directory that cannot be, --force without it: said, and nothing is written."""
    _, _, service = _service(devbroker, make_queue, place)
    unknown = devbroker.command(["dirac-consumer", "Test/No", "--install-runit", str(place / "none")])
    assert unknown.status == 1
    assert "no consumer Test/No" in unknown.stderr
    assert not (place / "none").exists()
    (place / "Test_Case").write_text("a file")
    assert service.install().status == 1
    alone = devbroker.command(["dirac-consumer", "Test/No", "--force"])
    assert (alone.status, alone.stdout) == (2, "")


def test_an_environment_that_is_not_inherited(devbroker: Broker, make_queue: QueueFactory, place: Path) -> None:
    """Without DIRAC's bashrc a service has nothing of the shell that installs it, which is told."""
    _, _, service = _service(devbroker, make_queue, place)
    assert "export" not in service.install().stderr
    (place / "root" / "bashrc").unlink()
    told = service.install().stderr
    assert "a service has no DIRACSYSCONFIG, X509_CERT_DIR, X509_USER_PROXY of this shell" in told
    assert f"export what it needs in {place}/root/bashrc" in told
