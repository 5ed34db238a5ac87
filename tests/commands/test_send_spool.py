"""``dirac-mq-send --spool``: what no broker takes is kept, in order, and whoever writes to it is neither stopped nor
slowed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import rows, running, shell, take
from support.faultproxy import FaultProxy
from support.proxies import Holder, by_hand
from support.queues import QueueFactory
from support.senders import CLOSED, blocked, drained, first_arrivals, ids_of, kept, sender, tiny_disk, unblock
from support.spool import JOHN, label, line, open_spool
from support.unreachable import black_hole

ROOT = os.geteuid() == 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def _lines(first: int, last: int) -> list[str]:
    return [f"line {number}" for number in range(first, last)]


def _text(first: int, last: int) -> str:
    return "".join(f"{each}\n" for each in _lines(first, last))


def test_no_broker_then_one(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """Without a broker 5, a receipt for each line, and the lines on disk; the next run sends them first, ids kept."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", f"--spool={path}"]
    started = time.monotonic()
    done = devbroker.command([*argv, "-o", CLOSED], input=_text(0, 300))
    assert done.status == 5
    assert time.monotonic() - started < 20
    assert {row["outcome"] for row in rows(done)} == {"spooled"}
    assert "300 sent, 0 confirmed, 300 spooled" in done.stderr
    assert f"300 entries kept in {path}, not confirmed by the broker" in done.stderr
    there = kept(path)
    assert [body for _, body in there] == _lines(0, 300)
    assert [row["message_id"] for row in rows(done)] == [message_id for message_id, _ in there]
    again = devbroker.command(argv, input=_text(300, 310))
    assert again.status == 0
    assert len(rows(again)) == 310
    assert "10 sent, 10 confirmed, 300 of earlier runs confirmed" in again.stderr
    got = drained(devbroker, name)
    assert [body for _, body in got] == _lines(0, 310)
    assert got[:300] == there
    assert list(path.iterdir()) == []


def test_one_message(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """-m too is kept, ends with 5, or with 0 by --spool-ok; $DIRAC_MQ_SPOOL is the place of a bare --spool."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "--spool"]
    there = {"DIRAC_MQ_SPOOL": str(path)}
    done = devbroker.command([*argv, "-m", "one", "-o", CLOSED], **there)
    assert (done.status, done.stdout) == (5, "")
    assert "connection refused" in done.stderr
    fine = devbroker.command([*argv, "-m", "two", "--spool-ok", "-q", "-o", CLOSED], **there)
    assert (fine.status, fine.stdout, fine.stderr) == (0, "", "")
    assert devbroker.command([*argv, "-m", "three"], **there).status == 0
    assert [body for _, body in drained(devbroker, name)] == ["one", "two", "three"]


def test_the_spelling(devbroker: Broker, path: Path) -> None:
    """--spool takes a value only behind an equals sign, and is a value itself where one is due."""
    devbroker.purge("demo.jobs")
    there = {"DIRAC_MQ_SPOOL": str(path)}
    for argv in (["--spool", "demo.jobs", "-m", "a"], ["demo.jobs", "-m", "--spool"], ["demo.jobs", "-qm", "--spool"]):
        assert devbroker.command(["dirac-mq", "send", *argv], **there).status == 0
    assert [body for _, body in drained(devbroker, "demo.jobs")] == ["a", "--spool", "--spool"]
    missing = devbroker.command(["dirac-mq-send", "demo.jobs", "--", "--spool"], **there)
    assert (missing.status, missing.stdout) == (2, "")
    assert "cannot open --spool" in missing.stderr


def test_an_expired_proxy_fills_the_spool(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """Lines are kept under the DN of a proxy that has ended, and sent with a new one."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={path}"]
    done = devbroker.command(argv, input=_text(0, 3), X509_USER_PROXY=str(_expired(devbroker, path.parent)))
    assert (done.status, done.stdout) == (5, "")
    assert "expired" in done.stderr
    assert devbroker.command(argv, input=_text(3, 4)).status == 0
    assert [body for _, body in drained(devbroker, name)] == _lines(0, 4)


def _expired(broker: Broker, directory: Path) -> Path:
    """A proxy of the user's that has ended."""
    holder = Holder(broker.layout.pki / "user.cert.pem", broker.layout.pki / "user.key.pem")
    now = datetime.now(UTC)
    ends = {"not_before": now - timedelta(hours=2), "not_after": now - timedelta(hours=1)}
    return by_hand(holder, directory / "expired.pem", **ends)


def test_a_broker_that_answers_no_syn(devbroker: Broker, path: Path, tmp_path: Path) -> None:
    """While a connection is being made, the input is read and kept; a signal does not wait for the connection."""
    with black_hole() as port:
        option = f"/Resources/MQServices/dev/Port={port}"
        with sender(devbroker, ["demo.jobs", f"--spool={path}", "-o", option], tmp_path) as one:
            one.feed([*_lines(0, 20_000)], at_once=1000)
            assert one.fed_within(15)
            one.until(20_000)
            started = time.monotonic()
            one.process.send_signal(signal.SIGTERM)
            assert one.wait(10) == -signal.SIGTERM
            assert time.monotonic() - started < 7
    assert [body for _, body in kept(path)] == _lines(0, 20_000)


def test_a_blocked_broker(devbroker: Broker, make_queue: QueueFactory, path: Path, tmp_path: Path) -> None:
    """The writer goes on, lines go to the disk, stderr says why; when the broker takes messages again, all arrive."""
    name, cfg = make_queue()
    with blocked(devbroker), sender(devbroker, [name, "--cfg", str(cfg), f"--spool={path}"], tmp_path) as one:
        one.feed(_lines(0, 20_000), at_once=1000)
        assert one.fed_within(15)
        one.says("blocks publishers")
        one.until(10_000)
        assert one.outcomes("confirmed") == set()
        unblock(devbroker)
        assert one.wait(60) == 0
        assert len(one.outcomes("confirmed")) == 20_000
    assert first_arrivals(drained(devbroker, name)) == _lines(0, 20_000)
    assert kept(path) == []


def test_a_broker_that_stays_blocked(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """When the input has ended, the broker has one outage to take it; then 5."""
    name, cfg = make_queue()
    with blocked(devbroker):
        argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={path}", "--outage", "2s"]
        done = devbroker.command(argv, input=_text(0, 10))
        assert (done.status, done.stdout) == (5, "")
        assert "10 sent, 0 confirmed, 10 spooled" in done.stderr
    assert [body for _, body in kept(path)] == _lines(0, 10)


def test_a_silent_broker(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, path: Path, tmp_path: Path
) -> None:
    """A connection over which nothing comes any more is given up, and what was in flight is sent over the next one."""
    name, cfg = make_queue()
    argv = [name, "--cfg", str(cfg), f"--spool={path}", "-b", fault_proxy.url, "--outage", "2s"]
    with sender(devbroker, argv, tmp_path) as one:
        one.feed(_lines(0, 500), every=0.1, at_once=10)
        one.until(50)
        fault_proxy.stall()
        one.says("confirmed nothing in time")
        fault_proxy.clear()
        assert one.wait(60) == 0
    assert first_arrivals(drained(devbroker, name)) == _lines(0, 500)


def test_sigterm_keeps_all_that_was_read(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, path: Path, tmp_path: Path
) -> None:
    """What was in flight, what waited and what was still in the pipe: all of it is confirmed or on the disk, and the
    process dies of the signal within its grace."""
    name, cfg = make_queue()
    argv = [name, "--cfg", str(cfg), f"--spool={path}", "-b", fault_proxy.url, "--grace", "3s"]
    with sender(devbroker, argv, tmp_path) as one:
        one.feed(_lines(0, 1000), every=0.005, at_once=10)
        one.until(100)
        fault_proxy.stall()
        time.sleep(0.2)
        started = time.monotonic()
        one.process.send_signal(signal.SIGTERM)
        assert one.wait(15) == -signal.SIGTERM
        assert time.monotonic() - started < 8
        assert one.fed == 1000
        reported = one.outcomes("confirmed", "spooled")
    fault_proxy.clear()
    got = drained(devbroker, name)
    there = kept(path)
    assert set(first_arrivals([*got, *there])) == set(_lines(0, 1000))
    assert reported == ids_of([*got, *there])
    rest = [body for message_id, body in there if message_id not in ids_of(got)]
    assert rest == sorted(rest, key=lambda body: int(body.split()[1]))


def test_what_is_returned_is_kept(devbroker: Broker, make_queue: QueueFactory, path: Path, tmp_path: Path) -> None:
    """Without a queue behind the exchange: in the spool, or in the file of --returned where one is named."""
    name, cfg = make_queue()
    with devbroker.channel("operator") as channel:
        channel.queue_unbind(name, f"{name}.x", "#")
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={path}"]
    done = devbroker.command(argv, input=_text(0, 5))
    assert (done.status, done.stdout) == (5, "")
    assert [body for _, body in kept(path)] == _lines(0, 5)
    file = tmp_path / "returned"
    done = devbroker.command([*argv, "--returned", str(file)], input=_text(5, 8))
    assert (done.status, done.stdout) == (67, "")
    assert len(file.read_bytes().splitlines()) == 3
    assert len(kept(path)) == 5


def test_what_is_refused_for_now_is_sent_later(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """A full queue (basic.nack): what it refuses stays in the spool, and nothing is missing when it has room again."""
    name, cfg = make_queue(MaxLength=20, Overflow="reject-publish")
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={path}", "--outage", "1s"]
    done = devbroker.command(argv, input=_text(0, 100))
    assert (done.status, done.stdout) == (5, "")
    got = drained(devbroker, name)
    assert set(first_arrivals([*got, *kept(path)])) == set(_lines(0, 100))


@pytest.mark.skipif(not ROOT, reason="only root can mount a file system")
def test_a_full_disk(devbroker: Broker, tmp_path: Path) -> None:
    """74: lines are lost, that is said and counted, and the writer is neither stopped nor slowed."""
    with (
        tiny_disk(tmp_path / "disk") as disk,
        sender(devbroker, ["demo.jobs", f"--spool={disk}", "-o", CLOSED], tmp_path) as one,
    ):
        one.feed(_lines(0, 20_000), at_once=1000)
        assert one.fed_within(15)
        assert one.wait(30) == 74
        assert "no space left on device" in one.stderr
        lost = one.outcomes("lost")
        assert lost
        assert f"{len(lost)} lost" in one.stderr
        there = kept(disk)
        assert len(lost) + len(there) == 20_000
        assert one.outcomes("spooled") == ids_of(there)


def test_no_directory_to_keep_anything_in(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A spool that cannot be made is said at once, lines are read and sent all the same; 74."""
    name, cfg = make_queue()
    (tmp_path / "file").touch()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", f"--spool={tmp_path / 'file' / 'spool'}"]
    done = devbroker.command(argv, input=_text(0, 10))
    assert (done.status, done.stdout) == (74, "")
    assert "what the broker does not take is lost" in done.stderr
    assert [body for _, body in drained(devbroker, name)] == _lines(0, 10)
    gone = devbroker.command([*argv, "-o", CLOSED], input=_text(0, 10))
    assert (gone.status, gone.stdout) == (74, "")
    assert "10 lost" in gone.stderr


def test_a_full_spool_drops_the_oldest(devbroker: Broker, path: Path) -> None:
    """--spool-max: beyond it the oldest go, are counted, and the end is 4."""
    argv = ["dirac-mq-send", "demo.jobs", "-l", f"--spool={path}", "--spool-max", "100k", "-o", CLOSED]
    done = devbroker.command(argv, input=_text(0, 3000))
    assert (done.status, done.stdout) == (4, "")
    there = [body for _, body in kept(path)]
    assert there == _lines(3000 - len(there), 3000)
    assert f"{3000 - len(there)} dropped because the spool was full" in done.stderr
    assert f"{len(there)} spooled, {3000 - len(there)} lost" in done.stderr


def test_others_entries_are_reported(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """What another identity left is not sent, and the end is 4."""
    name, cfg = make_queue()
    spool = open_spool(path)
    keeper = spool.keeper(label(JOHN))
    keeper.append([line("his", owner=JOHN)])
    keeper.close()
    done = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "mine", f"--spool={path}"])
    assert (done.status, done.stdout) == (4, "")
    assert "1 entry" in done.stderr
    assert "that others own" in done.stderr
    assert [body for _, body in drained(devbroker, name)] == ["mine"]
    assert len(kept(path)) == 1


def test_a_bad_line_does_not_end_it(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """What no broker would take is left out and said, what stands behind it is sent; 65."""
    name, cfg = make_queue()
    text = b"1\n" + b"x" * (17 * 1024 * 1024) + b"\n2\n"
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), f"--spool={path}"]
    done = devbroker.command([*argv, "-l"], input=text)
    assert (done.status, done.stdout) == (65, "")
    assert "line 2 has more than" in done.stderr
    envelopes = (
        '{"v":1,"body":"3"}\nnot one\n{"v":1,"body":"4","headers":{"dirac-x":"y","CC":["z"]}}\n{"v":1,"body":"5"}\n'
    )
    done = devbroker.command([*argv, "--from-json"], input=envelopes)
    assert (done.status, done.stdout) == (65, "")
    assert "line 2" in done.stderr
    assert "header CC may not be sent" in done.stderr
    assert [body for _, body in drained(devbroker, name)] == ["1", "2", "3", "5"]


@pytest.mark.parametrize(
    "trouble", ["none", "absent", "blocked", pytest.param("full", marks=pytest.mark.skipif(not ROOT, reason="root"))]
)
def test_a_payload_before_a_tee(devbroker: Broker, tmp_path: Path, trouble: str) -> None:
    """``payload | tee >(dirac-mq-send -l --spool)``: the payload ends well, whatever befalls send, which says so."""
    devbroker.purge("demo.jobs")
    payload = "for i in $(seq 30); do seq 300; sleep 0.02; done"
    with _disk(tmp_path / "disk", tiny=trouble == "full") as disk, contextlib.ExitStack() as troubled:
        outage = "1s" if trouble == "blocked" else "30s"
        option = f"-o {CLOSED}" if trouble in ("absent", "full") else ""
        send = f"dirac-mq-send demo.jobs -q -l --spool={disk} --outage {outage} {option} >/dev/null 2>>{tmp_path}/err"
        if trouble == "blocked":
            troubled.enter_context(blocked(devbroker))
        done = shell(devbroker, f"({payload}; echo $? >&2) | tee >({send}; echo $? >{tmp_path}/status) | wc -l")
        _wait_for(tmp_path / "status")
        assert (done.stdout.strip(), done.stderr.strip()) == ("9000", "0")
        status = (tmp_path / "status").read_text().strip()
        assert status == {"none": "0", "absent": "5", "blocked": "5", "full": "74"}[trouble]
        if trouble == "none":
            assert devbroker.count("demo.jobs") == 9000
    devbroker.purge("demo.jobs")
    shutil.rmtree(tmp_path / "disk", ignore_errors=True)


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def _disk(path: Path, *, tiny: bool) -> Iterator[Path]:
    if tiny:
        with tiny_disk(path):
            yield path
    else:
        yield path


def test_receipts_that_nobody_reads(devbroker: Broker, make_queue: QueueFactory, path: Path) -> None:
    """A closed pipe does not keep the input from being read and sent; the end is SIGPIPE's all the same."""
    name, cfg = make_queue()
    script = f"seq 20000 | dirac-mq-send {name} --cfg {cfg} -q -l -j --spool={path} | head -1; echo ${{PIPESTATUS[1]}}"
    done = shell(devbroker, script)
    assert done.stdout.splitlines()[1] == "141"
    assert done.stderr == ""
    assert first_arrivals(drained(devbroker, name)) == [str(number) for number in range(1, 20_001)]


def test_a_file_and_a_full_queue(devbroker: Broker, make_queue: QueueFactory, path: Path, tmp_path: Path) -> None:
    """A queue that stays full has one outage; then the rest of a file is kept like the rest of a pipe."""
    name, cfg = make_queue(MaxLength=20, Overflow="reject-publish")
    file = tmp_path / "input"
    file.write_text(_text(0, 5000))
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", str(file), f"--spool={path}", "--outage", "3s"]
    done = devbroker.command(argv, timeout=60)
    assert (done.status, done.stdout) == (5, "")
    assert set(first_arrivals([*drained(devbroker, name), *kept(path)])) == set(_lines(0, 5000))


def test_signatures_follow_the_credential(
    devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, path: Path, tmp_path: Path
) -> None:
    """What would be signed is kept unsigned while there is no valid proxy, and that is said; a renewed one signs."""
    name, cfg = make_queue()
    proxy = _expired(devbroker, tmp_path)
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", "--sign", f"--spool={path}", "--outage", "5s"]
    with running(devbroker, [*argv, "-b", fault_proxy.url], X509_USER_PROXY=str(proxy)) as command:
        command.feed(b"1\n")
        command.shows(b"spooled")
        command.says("messages are kept unsigned")
        renewed = tmp_path / "renewed.pem"
        shutil.copy(devbroker.layout.pki / "user.proxy.pem", renewed)
        renewed.chmod(0o600)
        renewed.rename(proxy)
        command.says("connected", timeout=40)
        command.feed(b"2\n")
        command.shows(b"confirmed")
        assert command.end().status == 0
    signed = ["dirac-stamp" in properties.headers for _, properties, _ in take(devbroker, name)]
    assert signed == [False, True]
