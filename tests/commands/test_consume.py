"""``dirac-mq-consume``: a message leaves its queue once it is safe elsewhere, and not before."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import bodies, publish, running, shell, take
from support.queues import QueueFactory


@pytest.fixture
def jobs(devbroker: Broker) -> str:
    """The classic queue of the devbroker, empty, as its dead letters are."""
    devbroker.purge("demo.jobs", "demo.dead")
    return "demo.jobs"


def _fill(broker: Broker, queue: str, count: int, *flags: str) -> None:
    """Send 1, 2, 3 …"""
    text = "".join(f"{number}\n" for number in range(1, count + 1))
    done = broker.command(["dirac-mq-send", queue, "-q", "-l", *flags], input=text)
    assert done.status == 0, done.stderr


def test_nothing_there(devbroker: Broker, jobs: str) -> None:
    """An empty queue is 3 with a sentence: after the timeout for -n, at once for --drain."""
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-consume", jobs, "-n", "1", "-t", "1s"])
    assert 1 <= time.monotonic() - started < 30
    drained = devbroker.command(["dirac-mq-consume", jobs, "--drain"])
    for each in (done, drained):
        assert (each.status, each.stdout) == (3, "")
        assert each.stderr == "dirac-mq-consume: error: nothing came from dev::Queues::demo.jobs\n"


def test_how_much_must_be_said(devbroker: Broker, jobs: str) -> None:
    """Bare consume is 2 and names the flags, and peek for who only wants to look; nothing is taken."""
    publish(devbroker, jobs, "x")
    done = devbroker.command(["dirac-mq-consume", jobs])
    assert (done.status, done.stdout) == (2, "")
    assert done.stderr == (
        "dirac-mq-consume: error: say how much to take: -n N, --drain or --follow\n"
        "dirac-mq-consume: hint: to look without taking: dirac-mq peek demo.jobs\n"
    )
    assert devbroker.count(jobs) == 1


def test_fewer_than_asked_for(devbroker: Broker, jobs: str) -> None:
    """Fewer than -n is 4, with the counts on stderr and the messages on stdout."""
    _fill(devbroker, jobs, 2)
    done = devbroker.command(["dirac-mq-consume", jobs, "-n", "5", "-t", "1s", "-j"])
    assert done.status == 4
    assert bodies(done) == ["1", "2"]
    assert done.stderr == "dirac-mq-consume: error: 2 of 5 messages came from dev::Queues::demo.jobs\n"
    assert devbroker.count(jobs) == 0


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_no_more_than_asked_for(devbroker: Broker, make_queue: QueueFactory, kind: str) -> None:
    """-n N takes N; the others were not even handed out, so their delivery count has not grown."""
    name, cfg = make_queue(type=kind)
    _fill(devbroker, name, 5, "--cfg", str(cfg))
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "2", "-j"])
    assert (done.status, done.stderr, bodies(done)) == (0, "", ["1", "2"])
    devbroker.wait_count(name, 3)
    left = take(devbroker, name)
    assert [body for _, _, body in left] == [b"3", b"4", b"5"]
    assert not any(method.redelivered for method, _, _ in left)


def test_text(devbroker: Broker, jobs: str) -> None:
    """A pipe gets six fields separated by TABs, the verdict first, the body last; a summary with -v."""
    devbroker.command(["dirac-mq-send", jobs, "-m", "a\tb", "-k", "job.done"])
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "-v"])
    assert done.status == 0
    verdict, when, who, host, key, body = done.stdout.removesuffix("\n").split("\t")
    assert (verdict, who, key, body) == ("✓ broker", devbroker.dn("user"), "job.done", "a\\tb")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", when)
    assert host
    assert done.stderr.endswith("dirac-mq-consume: dev::Queues::demo.jobs: 1 taken\n")


def test_template(devbroker: Broker, jobs: str) -> None:
    """-F shows what it names and no line end of its own; an unknown field is 2 before anything is taken."""
    devbroker.command(["dirac-mq-send", jobs, "-m", "b", "-k", "job.done", "-H", "n:=5"])
    wrong = devbroker.command(["dirac-mq-consume", jobs, "--drain", "-F", "%{nobody}"])
    assert (wrong.status, wrong.stdout) == (2, "")
    assert "there is no field 'nobody'" in wrong.stderr
    template = r"%{routing_key}|%{header:n}|%{header:dirac-dn}|%{origin}|%{body}%%\n"
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "-F", template])
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"job.done|5|{devbroker.dn('user')}|broker|b%\n"


def test_save(devbroker: Broker, jobs: str, tmp_path: Path) -> None:
    """--save makes two files of each message, for nobody else to read, in order; stdout is empty."""
    _fill(devbroker, jobs, 3)
    inbox = tmp_path / "inbox"
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "--save", str(inbox)])
    assert (done.status, done.stdout) == (0, "")
    assert done.stderr.endswith(f"dirac-mq-consume: dev::Queues::demo.jobs: 3 taken, saved in {inbox}\n")
    files = sorted(inbox.glob("*.body"))
    assert [file.read_text() for file in files] == ["1", "2", "3"]
    assert [json.loads(file.with_suffix(".json").read_text())["body"] for file in files] == ["1", "2", "3"]
    assert {file.stat().st_mode & 0o777 for file in inbox.iterdir()} == {0o600}
    assert devbroker.count(jobs) == 0


def test_a_reader_that_leaves(devbroker: Broker, jobs: str) -> None:
    """``| head -1``: no word on stderr, death by SIGPIPE, and the rest is in the queue, in order."""
    _fill(devbroker, jobs, 5000)
    done = shell(devbroker, f"dirac-mq-consume {jobs} --drain -j | head -1; echo ${{PIPESTATUS[0]}}")
    first, status = done.stdout.splitlines()
    assert (json.loads(first)["body"], status, done.stderr) == ("1", "141", "")
    left = [int(body) for _, _, body in take(devbroker, jobs)]
    assert len(left) > 4000
    assert left == list(range(5001 - len(left), 5001))


def test_a_disk_that_is_full(devbroker: Broker, jobs: str) -> None:
    """Output that cannot be written is 74, and nothing is lost."""
    _fill(devbroker, jobs, 300)
    for flags in ("-j", ""):
        done = shell(devbroker, f"dirac-mq-consume {jobs} --drain {flags} > /dev/full")
        assert done.status == 74
        assert done.stderr == ("dirac-mq-consume: error: cannot write standard output: no space left on device\n")
    assert [int(body) for _, _, body in take(devbroker, jobs)] == list(range(1, 301))


def test_closed_standard_output(devbroker: Broker, jobs: str) -> None:
    """Closed standard output is 74, not a message written into a socket."""
    _fill(devbroker, jobs, 1)
    done = shell(devbroker, f"dirac-mq-consume {jobs} --drain >&-")
    assert (done.status, done.stderr) == (
        74,
        "dirac-mq-consume: error: cannot write standard output: bad file descriptor\n",
    )
    assert devbroker.count(jobs) == 1


def test_save_where_nothing_can_be_saved(devbroker: Broker, jobs: str) -> None:
    """A directory that cannot be made is 74 before anything is taken."""
    _fill(devbroker, jobs, 1)
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "--save", "/proc/nowhere"])
    assert (done.status, done.stdout) == (74, "")
    assert "/proc/nowhere" in done.stderr
    assert devbroker.count(jobs) == 1


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["demo.audit", "--drain"], 2, "dirac-mq tail dev::Queues::demo.audit --last 10"),
        (["dev::Exchanges::demo.events", "--drain"], 2, "is an exchange: it holds no messages"),
        (["nowhere", "--drain"], 66, "nowhere is not known"),
        (["demo.jobs", "--drain", "-j", "-F", "x"], 2, "--json and --format exclude each other"),
        (["demo.jobs", "--drain", "--save", "x", "--", "cat"], 2, "no --save or --format beside it"),
        (["demo.pilots", "--drain", "--on-fail", "dead", "--", "cat"], 78, "give the queue a DeadLetterQueue"),
        (["demo.jobs", "--drain", "--cmd-timeout", "1h", "--", "cat"], 2, "longer than the 30m"),
        (["demo.jobs", "-n", "0"], 2, "0 is not in the range"),
        (["demo.jobs", "--drain", "--on-fail", "cry", "--", "cat"], 2, "'cry' is not one of"),
    ],
)
def test_refused_at_the_start(devbroker: Broker, argv: list[str], status: int, said: str) -> None:
    """What makes no sense, or could destroy messages, is refused before anything is taken."""
    done = devbroker.command(["dirac-mq-consume", *argv])
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, -2), (signal.SIGTERM, -15)])
def test_a_signal(devbroker: Broker, jobs: str, number: int, status: int) -> None:
    """A first signal: what is shown is taken, the rest is back, and the process dies of that signal (130, 143)."""
    _fill(devbroker, jobs, 2)
    with running(devbroker, ["dirac-mq-consume", jobs, "--follow", "-F", r"%{body}\n"]) as command:
        command.shows(b"2\n")
        command.signal(number)
        done = command.end(5)
    assert (done.status, done.stdout, done.stderr) == (status, "", "")
    assert devbroker.count(jobs) == 0


def test_a_signal_while_a_command_runs(devbroker: Broker, jobs: str) -> None:
    """A first Ctrl-C lets the command at hand end and returns the rest, in order."""
    _fill(devbroker, jobs, 5)
    with running(devbroker, ["dirac-mq-consume", jobs, "--follow", "-x", "cat; sleep 1; echo done"]) as command:
        command.shows(b"1")
        command.signal(signal.SIGINT)
        done = command.end(10)
    assert (done.status, done.stdout) == (-2, "done\n")
    assert done.stderr.endswith("dev::Queues::demo.jobs: 1 handled\n")
    assert [body for _, _, body in take(devbroker, jobs)] == [b"2", b"3", b"4", b"5"]


def test_a_second_signal(devbroker: Broker, jobs: str) -> None:
    """A second Ctrl-C ends at once; the message is back in the queue."""
    _fill(devbroker, jobs, 1)
    with running(devbroker, ["dirac-mq-consume", jobs, "--follow", "-x", "cat; exec sleep 5"]) as command:
        command.shows(b"1")
        command.signal(signal.SIGINT)
        time.sleep(0.2)
        started = time.monotonic()
        command.signal(signal.SIGINT)
        assert command.process.wait(3) == -2
        assert time.monotonic() - started < 1
    devbroker.wait_count(jobs, 1)
