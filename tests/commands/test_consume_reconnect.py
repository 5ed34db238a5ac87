"""``dirac-mq-consume`` when its connection is lost: made again, nothing lost, no loop where that cannot help."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.clients import short_proxy
from support.commands import Running, bodies, publish, running, take
from support.faultproxy import FaultProxy
from support.queues import QueueFactory

LOST = "trying again in"
BACK = "dirac-mq-consume: dev: connected again\n"


def test_a_first_connection_that_fails_ends_it(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """69 at once, however long an outage may last."""
    fault_proxy.refuse()
    started = time.monotonic()
    argv = ["dirac-mq-consume", "demo.jobs", "--follow", "--outage", "10m", "-b", fault_proxy.url]
    done = devbroker.command(argv)
    assert (done.status, done.stdout) == (69, "")
    assert f"localhost (127.0.0.1:{fault_proxy.port}): connection refused" in done.stderr
    assert LOST not in done.stderr
    assert time.monotonic() - started < 10
    none = devbroker.command([*argv[:4], "0s"])
    assert (none.status, none.stdout) == (2, "")
    assert "--outage 0 would give up at once" in none.stderr


def test_a_loss_is_told_once_and_so_is_the_return(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy
) -> None:
    """However many attempts it takes; what comes after that is taken as if nothing had been."""
    name, cfg = make_queue()
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "2", "-j", "-b", fault_proxy.url, "--outage", "20s"]
    with running(devbroker, argv) as command:
        publish(devbroker, name, "1")
        first = command.shows(b'"body":"1"')
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says(LOST)
        time.sleep(3)
        fault_proxy.clear()
        command.says(BACK, timeout=40)
        publish(devbroker, name, "2")
        done = command.end()
    assert first
    assert (done.status, bodies(done)) == (0, ["2"])
    assert (done.stderr.count(LOST), done.stderr.count(BACK), done.stderr.count("\n")) == (1, 1, 2)
    assert devbroker.count(name) == 0


def test_an_outage_has_an_end(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """69 and the last reason, when it has lasted as long as it may, or as long as the whole may."""
    devbroker.purge("demo.jobs")
    for limit in (["--outage", "1s"], ["--outage", "10m", "-t", "3s"]):
        argv = ["dirac-mq-consume", "demo.jobs", "-n", "1", "-b", fault_proxy.url, *limit]
        with running(devbroker, argv) as command:
            _connected(fault_proxy, command)
            fault_proxy.refuse()
            fault_proxy.cut()
            done = command.end()
        assert (done.status, done.stdout) == (69, "")
        assert done.stderr.splitlines()[-1].startswith("dirac-mq-consume: error: ")
        fault_proxy.clear()


def _connected(proxy: FaultProxy, command: Running) -> None:
    deadline = time.monotonic() + 20
    while not proxy.open:
        assert time.monotonic() < deadline, command.stderr
        time.sleep(0.02)
    time.sleep(0.5)


@pytest.mark.parametrize("once", [False, True])
def test_an_acknowledgement_that_is_lost(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path, once: bool
) -> None:
    """Its message comes twice, and is counted twice; with --once it is dropped, and counted once."""
    name, cfg = make_queue()
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "3", "-j", "-b", fault_proxy.url]
    with running(devbroker, [*argv, *(["--once"] if once else [])], XDG_STATE_HOME=str(tmp_path / "state")) as command:
        _send(devbroker, name, cfg, "1")
        assert command.shows(b'"body":"1"').count(b"\n") == 1
        time.sleep(0.5)
        fault_proxy.stall(down=False)  # what it acknowledges now does not get there
        _send(devbroker, name, cfg, "2")
        assert command.shows(b'"body":"2"').count(b"\n") == 1
        fault_proxy.cut()
        fault_proxy.clear()
        command.says(BACK, timeout=40)
        _send(devbroker, name, cfg, "3")
        done = command.end()
    assert (done.status, done.stderr.count(BACK)) == (0, 1)
    assert bodies(done) == (["3"] if once else ["2"])
    assert ("1 dropped, taken before" in done.stderr) == once
    assert devbroker.count(name) == (0 if once else 1)


def _send(broker: Broker, name: str, cfg: Path, text: str) -> None:
    done = broker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--sign", "-m", text])
    assert done.status == 0, done.stderr


def test_commands_are_ended_when_the_connection_is_lost(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    """Their messages come again, to anybody: so the commands end, and are run anew for what comes to us."""
    name, cfg = make_queue()
    publish(devbroker, name, *"123")
    script = f'cd {tmp_path}; echo $$ >> pids; test "$(wc -l < pids)" -gt 3 || sleep 600; cat'
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "3", "--jobs", "3", "-b", fault_proxy.url, "-x", script]
    with running(devbroker, argv) as command:
        first = _pids(tmp_path / "pids", 3)
        fault_proxy.cut()
        done = command.end(60)
    assert done.status == 0, done.stderr
    assert sorted(done.stdout) == list("123")
    assert "3 handled" in done.stderr
    assert len(_pids(tmp_path / "pids", 6)) == 6
    assert not any(Path(f"/proc/{pid}").exists() for pid in first)
    assert devbroker.count(name) == 0


def _pids(path: Path, count: int) -> list[int]:
    deadline = time.monotonic() + 20
    while not path.exists() or len(path.read_text().split()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return [int(pid) for pid in path.read_text().split()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_attempts(devbroker: Broker, fault_proxy: FaultProxy, number: signal.Signals) -> None:
    """It ends the wait at once."""
    argv = ["dirac-mq-consume", "demo.jobs", "--follow", "-b", fault_proxy.url, "--outage", "10m", "--", "cat"]
    with running(devbroker, argv) as command:
        _connected(fault_proxy, command)
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says(LOST)
        started = time.monotonic()
        command.signal(number)
        done = command.end()
        assert time.monotonic() - started < 5
    assert done.status == -number
    assert done.stderr.endswith("dirac-mq-consume: dev::Queues::demo.jobs: 0 handled\n")


def test_a_queue_that_is_deleted(devbroker: Broker, make_queue: QueueFactory) -> None:
    """66, and no attempt to go on."""
    name, cfg = make_queue()
    with running(devbroker, ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-j"]) as command:
        publish(devbroker, name, "1")
        command.shows(b'"body":"1"')
        with devbroker.channel("operator") as channel:
            channel.queue_delete(name)
        done = command.end()
    assert (done.status, done.stdout) == (66, "")
    assert "was deleted while we were reading it" in done.stderr
    assert LOST not in done.stderr


def test_a_right_that_is_taken_away(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The broker closes our connection and refuses the queue on the next: 77."""
    name, cfg = make_queue()
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-j", "--outage", "10s"]
    with running(devbroker, argv) as command:
        publish(devbroker, name, "1")
        command.shows(b'"body":"1"')
        try:
            devbroker.ctl("set_permissions", "-p", "dirac", devbroker.dn("user"), "^$", "^$", "^$")
            devbroker.ctl("close_all_connections", "--vhost", "dirac", "the rights have changed")
            done = command.end(60)
        finally:
            make_queue.apply()
    assert (done.status, done.stdout) == (77, "")
    assert done.stderr.count(LOST) == 1
    assert devbroker.dn("user") in done.stderr
    assert name in done.stderr.splitlines()[-2]


def test_a_broker_that_is_stopped_in_order(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy
) -> None:
    """320 CONNECTION_FORCED is a loss like any other."""
    name, cfg = make_queue()
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "2", "-j", "--outage", "3m", "-b", fault_proxy.url]
    with running(devbroker, argv) as command:
        publish(devbroker, name, "1")
        command.shows(b'"body":"1"')
        fault_proxy.refuse()
        devbroker.ctl("stop_app")
        try:
            command.says(LOST)
        finally:
            devbroker.ctl("start_app")
            make_queue.apply()
        fault_proxy.clear()
        publish(devbroker, name, "2")
        done = command.end(120)
    assert (done.status, bodies(done)) == (0, ["2"])
    assert "CONNECTION_FORCED" in done.stderr
    assert BACK in done.stderr


def test_a_proxy_that_ends(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """The broker closes the connection: 77, for there is no other."""
    name, cfg = make_queue()
    file = tmp_path / "proxy.pem"
    short_proxy(devbroker, file, 6)
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-j", "--outage", "10s"]
    with running(devbroker, argv, X509_USER_PROXY=str(file)) as command:
        publish(devbroker, name, "1")
        command.shows(b'"body":"1"')
        done = command.end(30)
    assert (done.status, done.stdout) == (77, "")
    assert "expired" in done.stderr
    assert "hint:" in done.stderr


def test_a_proxy_that_is_renewed(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """The connection is made anew before the old proxy ends, without a word: what is in hand is finished first."""
    name, cfg = make_queue()
    file = tmp_path / "proxy.pem"
    short_proxy(devbroker, file, 15)
    ends = time.monotonic() + 15
    publish(devbroker, name, "1")
    script = f"cd {tmp_path}; echo begun >> begun; while test ! -e go; do sleep 0.05; done; cat"
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "2", "-d", "-x", script]
    with running(devbroker, argv, X509_USER_PROXY=str(file)) as command:
        _lines(tmp_path / "begun", 1)
        short_proxy(devbroker, file, 3600)
        time.sleep(max(0.0, ends - 1 - time.monotonic()))  # by now it wants another connection
        (tmp_path / "go").touch()
        command.shows(b"1")
        publish(devbroker, name, "2")
        done = command.end(60)
    assert (done.status, done.stdout) == (0, "2"), done.stderr
    assert LOST not in done.stderr
    assert BACK not in done.stderr
    assert done.stderr.count("dialling dev") == 2
    assert len(_lines(tmp_path / "begun", 2)) == 2


def _lines(path: Path, count: int) -> list[str]:
    deadline = time.monotonic() + 20
    while not path.exists() or len(path.read_text().splitlines()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text().splitlines()


def test_what_is_held_comes_again(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """--on-untrusted keep: messages held when the connection was lost are counted once, and put back in the end."""
    name, cfg = make_queue(Origin="signed")
    publish(devbroker, name, "bad", "worse")
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "1", "-j", "--on-untrusted", "keep", "-v"]
    with running(devbroker, [*argv, "-b", fault_proxy.url]) as command:
        command.says("is not accepted")
        time.sleep(0.5)
        fault_proxy.cut()
        command.says(BACK, timeout=40)
        _send(devbroker, name, cfg, "good")
        done = command.end()
    assert (done.status, bodies(done)) == (0, ["good"])
    assert "2 messages held and put back, not accepted" in done.stderr
    assert [body for _, _, body in take(devbroker, name)] == [b"bad", b"worse"]
