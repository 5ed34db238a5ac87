"""``dirac-mq-send`` without a spool, when its connection is lost: made again, nothing lost, order and ids kept."""

from __future__ import annotations

import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import running
from support.faultproxy import FaultProxy
from support.queues import QueueFactory
from support.senders import CLOSED, chance, drained, first_arrivals, ids_of, sender


def _lines(count: int) -> list[str]:
    return [f"line {number}" for number in range(count)]


@pytest.mark.parametrize(("count", "cuts"), [(10_000, 5), pytest.param(100_000, 20, marks=pytest.mark.soak)])
def test_cuts(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path, count: int, cuts: int
) -> None:
    """Every line arrives, in order apart from repeats, which carry the same id; each has one receipt: confirmed."""
    dice = chance()
    name, cfg = make_queue()
    argv = [name, "--cfg", str(cfg), "-b", fault_proxy.url, "--outage", "5s"]
    with sender(devbroker, argv, tmp_path) as one:
        one.feed(_lines(count), every=0.02, at_once=count // 100)
        for _ in range(cuts):
            one.until(min(count, len(one.receipts) + dice.randrange(1, count // cuts // 2)))
            fault_proxy.cut(reset=dice.random() < 0.5)
        assert one.wait(120) == 0
        assert len(one.receipts) == count
        assert len(one.outcomes("confirmed")) == count
        assert f"{count} sent, {count} confirmed\n" in one.stderr
    got = drained(devbroker, name)
    assert first_arrivals(got) == _lines(count)
    assert len(got) <= count + cuts * 1000


def test_a_first_connection_that_fails_ends_it(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """69 at once, however long an outage may last: nothing has been read of the input."""
    fault_proxy.refuse()
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-l", "--outage", "10m", "-b", fault_proxy.url], input="x")
    assert (done.status, done.stdout) == (69, "")
    assert time.monotonic() - started < 10
    assert f"localhost (127.0.0.1:{fault_proxy.port}): connection refused" in done.stderr


def test_every_host_is_tried_and_named(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """One good host among bad ones is found, at first and after a loss; when all are bad, each is named."""
    devbroker.purge("demo.jobs")
    hosts = f"/Resources/MQServices/dev/Host=localhost:1, localhost:{fault_proxy.port}"
    argv = ["dirac-mq-send", "demo.jobs", "-l", "-j", "-o", hosts, "--outage", "2s"]
    with running(devbroker, argv) as command:
        command.feed(b"1\n")
        command.shows(b"confirmed")
        fault_proxy.cut()
        command.says("trying again")
        command.feed(b"2\n")
        command.shows(b"confirmed")
        fault_proxy.refuse()
        fault_proxy.cut()
        command.feed(b"3\n")
        assert command.process.wait(20) == 69
        last = [line for line in command.stderr.splitlines() if "error" in line][-1]
        assert "localhost (127.0.0.1:1): connection refused" in last
        assert f"localhost (127.0.0.1:{fault_proxy.port}): connection refused" in last
    devbroker.purge("demo.jobs")


def test_what_is_in_flight_at_the_end_has_an_unknown_fate(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """A message that was never confirmed before the outage was over is said to be of unknown fate."""
    with running(devbroker, ["dirac-mq-send", "demo.jobs", "-l", "-j", "-b", fault_proxy.url, "--outage", "1s"]) as run:
        run.feed(b"1\n")
        run.shows(b"confirmed")
        fault_proxy.stall()
        run.feed(b"2\n")
        time.sleep(0.3)
        fault_proxy.refuse()
        fault_proxy.cut()
        assert run.process.wait(20) in (69, 75)  # 75: it had already been silent for too long
        assert "2 sent, 1 confirmed, 1 of unknown fate" in run.stderr
        assert b'"outcome":"unknown"' in run.end().raw
    devbroker.purge("demo.jobs")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_attempts(devbroker: Broker, fault_proxy: FaultProxy, number: signal.Signals) -> None:
    """It ends the wait at once."""
    with running(devbroker, ["dirac-mq-send", "demo.jobs", "-l", "-j", "-b", fault_proxy.url]) as command:
        command.feed(b"1\n")
        command.shows(b"confirmed")
        fault_proxy.refuse()
        fault_proxy.cut()
        command.says("trying again in")
        started = time.monotonic()
        command.signal(number)
        assert command.process.wait(10) == -number
        assert time.monotonic() - started < 5
        assert "1 sent, 1 confirmed" in command.stderr
    devbroker.purge("demo.jobs")


def test_the_whole_has_an_end(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """--timeout ends it whatever --outage would allow."""
    argv = ["dirac-mq-send", "demo.jobs", "-l", "-j", "-b", fault_proxy.url, "--outage", "10m", "-t", "3s"]
    started = time.monotonic()
    with running(devbroker, argv) as command:
        command.feed(b"1\n")
        command.shows(b"confirmed")
        fault_proxy.refuse()
        fault_proxy.cut()
        assert command.process.wait(20) == 69
        assert 2.5 < time.monotonic() - started < 8
    devbroker.purge("demo.jobs")


def test_a_renewed_proxy_is_used(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path
) -> None:
    """The credential is read again before each dial, and another person's is refused: the stamps would be false."""
    name, cfg = make_queue()
    proxy = tmp_path / "proxy.pem"
    shutil.copy(devbroker.layout.pki / "user.proxy.pem", proxy)
    proxy.chmod(0o600)
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", "-b", fault_proxy.url, "--outage", "5s", "-d"]
    with running(devbroker, argv, X509_USER_PROXY=str(proxy)) as command:
        command.feed(b"1\n")
        command.shows(b"confirmed")
        renewed = tmp_path / "new.pem"
        shutil.copy(devbroker.layout.pki / "user.proxy.pem", renewed)
        renewed.chmod(0o600)
        renewed.rename(proxy)
        before = command.stderr.count("of /DC=")
        fault_proxy.cut()
        command.feed(b"2\n")
        command.shows(b"confirmed")
        assert command.stderr.count("of /DC=") == before + 1
        shutil.copy(devbroker.layout.pki / "pilot.proxy.pem", renewed)
        renewed.chmod(0o600)
        renewed.rename(proxy)
        fault_proxy.cut()
        command.feed(b"3\n")
        assert command.process.wait(20) == 77
        assert f"the credential is now that of {devbroker.dn('pilot')}" in command.stderr
    assert [body for _, body in drained(devbroker, name)] == ["1", "2"]


def test_returned_and_refused_messages_are_kept_in_a_file(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """--returned: their envelopes, exactly those, readable by send --from-json; the file is nobody else's to read."""
    name, cfg = make_queue()
    file = tmp_path / "returned.ndjson"
    with devbroker.channel("operator") as channel:
        channel.queue_unbind(name, f"{name}.x", "#")
    done = devbroker.command(
        ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--returned", str(file)], input="one\ntwo\n"
    )
    assert (done.status, done.stdout) == (67, "")
    assert "2 sent, 0 confirmed, 2 returned" in done.stderr
    assert file.stat().st_mode & 0o777 == 0o600
    with devbroker.channel("operator") as channel:
        channel.queue_bind(name, f"{name}.x", "#")
    again = devbroker.command(
        ["dirac-mq-send", name, "--cfg", str(cfg), "--from-json", str(file), "--returned", str(file) + ".2"]
    )
    assert again.status == 0
    got = drained(devbroker, name)
    assert [body for _, body in got] == ["one", "two"]
    assert len(ids_of(got)) == 2
    assert Path(str(file) + ".2").read_bytes() == b""


def test_a_file_for_returned_messages_is_made_first(devbroker: Broker, tmp_path: Path) -> None:
    """One that cannot be written is said before anything is sent, or even dialled."""
    file = tmp_path / "no" / "such"
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "--returned", str(file), "-o", CLOSED])
    assert (done.status, done.stdout) == (74, "")
    assert f"cannot write {file}" in done.stderr


def test_a_broker_that_comes_back(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """SIGKILL of the broker and a start: what was in flight is sent again, and all of it arrives."""
    name, cfg = make_queue()
    count = 3000
    with sender(devbroker, [name, "--cfg", str(cfg), "--outage", "60s"], tmp_path) as one:
        one.feed(_lines(count), every=0.01, at_once=10)
        one.until(200)
        restart = threading.Thread(target=lambda: (devbroker.kill(), devbroker.start()))
        restart.start()
        try:
            assert one.wait(150) == 0
        finally:
            restart.join()
        assert "connected again" in one.stderr
    assert first_arrivals(drained(devbroker, name)) == _lines(count)
