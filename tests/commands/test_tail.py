"""``dirac-mq-tail``: follow without taking."""

from __future__ import annotations

import re
import signal
import time

import pytest
from support.broker import Broker
from support.commands import bodies, publish, running, take
from support.queues import QueueFactory

FOLLOWING = "dirac-mq-tail: following copies of what reaches "


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_it_takes_nothing(devbroker: Broker, make_queue: QueueFactory, kind: str) -> None:
    """It says what it follows and how many wait, shows what comes, and the queue keeps all of it."""
    name, cfg = make_queue(type=kind)
    publish(devbroker, name, "before", "too")
    devbroker.wait_count(name, 2)
    with running(devbroker, ["dirac-mq-tail", name, "--cfg", str(cfg), "-n", "2", "-j"]) as command:
        command.says(FOLLOWING)
        publish(devbroker, name, "1", "2", "3")
        done = command.end()
    assert done.status == 0
    assert bodies(done) == ["1", "2"]
    assert re.fullmatch(
        rf"\S+Z {FOLLOWING}dev::Queues::{re.escape(name)} from now on; 2 already wait there "
        r"\(dirac-mq peek shows them\)\n",
        done.stderr,
    )
    devbroker.wait_count(name, 5)
    assert not any(method.redelivered for method, _, _ in take(devbroker, name))


def test_two_tails_and_patterns(devbroker: Broker) -> None:
    """Two tails see the same; -k, which may be repeated, chooses by topic; what an exchange brings is seen too."""
    devbroker.purge("demo.jobs")
    everything = running(devbroker, ["dirac-mq-tail", "demo.jobs", "-n", "4", "-F", r"%{routing_key}\n"])
    twin = running(devbroker, ["dirac-mq-tail", "demo.jobs", "-n", "4", "-F", r"%{routing_key}\n"])
    chosen = running(
        devbroker,
        ["dirac-mq-tail", "demo.jobs", "-k", "job.*.failed", "-k", "#.done", "-n", "2", "-F", r"%{routing_key}\n"],
    )
    with everything as first, twin as second, chosen as third:
        for command in (first, second, third):
            command.says(FOLLOWING)
        for key in ("job.1.failed", "job.1.started", "done"):
            publish(devbroker, "demo.jobs", "x", key=key)
        devbroker.command(["dirac-mq-send", "demo.events", "-k", "job.new", "-m", "x"])
        shown = [command.end() for command in (first, second, third)]
    assert [done.status for done in shown] == [0, 0, 0]
    assert shown[0].stdout == shown[1].stdout == "job.1.failed\njob.1.started\ndone\njob.new\n"
    assert shown[2].stdout == "job.1.failed\ndone\n"
    assert "routing keys job.*.failed #.done" in shown[2].stderr
    assert devbroker.count("demo.jobs") == 4
    devbroker.purge("demo.jobs")


def test_ends(devbroker: Broker) -> None:
    """-t bounds the whole, --idle a silence; nothing is 3, fewer than -n is 4, SIGINT is 130."""
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-tail", "demo.dead", "-t", "1s"])
    assert (done.status, done.stdout) == (3, "")
    assert done.stderr.endswith("dirac-mq-tail: error: nothing came from dev::Queues::demo.dead\n")
    assert 1 <= time.monotonic() - started < 3
    quiet = devbroker.command(["dirac-mq-tail", "demo.dead", "--idle", "300ms", "-q"])
    assert (quiet.status, quiet.stdout) == (3, "")
    assert quiet.stderr == "dirac-mq-tail: error: nothing came from dev::Queues::demo.dead\n"
    with running(devbroker, ["dirac-mq-tail", "demo.jobs", "-n", "3", "--idle", "1s", "-j"]) as command:
        command.says(FOLLOWING)
        publish(devbroker, "demo.jobs", "1")
        fewer = command.end()
    assert (fewer.status, bodies(fewer)) == (4, ["1"])
    assert "error: 1 of 3 messages came" in fewer.stderr
    with running(devbroker, ["dirac-mq-tail", "demo.jobs"]) as command:
        command.says(FOLLOWING)
        command.signal(signal.SIGINT)
        stopped = command.end(3)
    assert (stopped.status, stopped.stdout, stopped.stderr.count("\n")) == (-2, "", 1)
    devbroker.purge("demo.jobs")


@pytest.fixture
def stream(devbroker: Broker, make_queue: QueueFactory) -> tuple[str, str]:
    """A stream that holds 0 to 9, and its CFG."""
    name, cfg = make_queue(type="stream")
    publish(devbroker, name, *"01234", timestamp=1_600_000_000)
    publish(devbroker, name, *"56789", timestamp=int(time.time()))
    return name, str(cfg)


@pytest.mark.parametrize(
    ("flags", "expected", "said"),
    [
        (["--offset", "first", "-n", "3"], "012", "from offset first on"),
        (["--offset", "7", "--idle", "1s"], "789", "from offset 7 on"),
        (["--last", "4", "-n", "4"], "6789", "from its last 4 on"),
        (["--last", "100", "-n", "10"], "0123456789", "from its last 100 on"),
        (["--since", "1h", "--idle", "1s"], "56789", "since 1h"),
        (["--since", "2020-01-01", "--idle", "1s"], "0123456789", "since 2020-01-01"),
    ],
)
def test_a_stream(devbroker: Broker, stream: tuple[str, str], flags: list[str], expected: str, said: str) -> None:
    """A stream is read from where the flag says."""
    name, cfg = stream
    done = devbroker.command(["dirac-mq-tail", name, "--cfg", cfg, "-j", *flags])
    assert (done.status, "".join(bodies(done))) == (0, expected)
    assert done.stderr.endswith(f"following the stream dev::Queues::{name} {said}\n")


def test_a_stream_from_now_on(devbroker: Broker, stream: tuple[str, str]) -> None:
    """Without a flag a stream shows what comes, and says how to see what is there."""
    name, cfg = stream
    with running(devbroker, ["dirac-mq-tail", name, "--cfg", cfg, "-n", "1", "-F", "%{body}"]) as command:
        command.says("from now on (--last or --since shows what is there)")
        publish(devbroker, name, "new")
        done = command.end()
    assert (done.status, done.stdout) == (0, "new")


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        (["demo.jobs", "--last", "3"], 2, "--last needs a stream, and dev::Queues::demo.jobs is a classic queue"),
        (["demo.pilots", "--since", "1h"], 2, "dirac-mq peek dev::Queues::demo.pilots shows what waits there now"),
        (["demo.audit", "-k", "a.#"], 2, "--pattern does not apply to a stream"),
        (["demo.audit", "--last", "3", "--offset", "3"], 2, "--offset and --last exclude each other"),
        (["demo.audit", "--offset", "soon"], 2, "--offset soon: write first, next, or the number of a message"),
        (["demo.audit", "--since", "soon"], 2, "--since soon: write how long ago (2h) or a time"),
        (["dev::Exchanges::demo.events"], 2, "is an exchange: it holds no messages"),
        (["nowhere"], 66, "nowhere is not known to the configuration"),
    ],
)
def test_refused(devbroker: Broker, argv: list[str], status: int, said: str) -> None:
    """What cannot be followed is refused in a sentence, before anything is said of following."""
    done = devbroker.command(["dirac-mq-tail", *argv])
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    assert "following" not in done.stderr


def test_a_pilot_may_not_follow(devbroker: Broker) -> None:
    """Who may only publish is told so: 77, with the DN."""
    done = devbroker.command(["dirac-mq-tail", "demo.jobs", "-n", "1"], "pilot")
    assert (done.status, done.stdout) == (77, "")
    assert devbroker.dn("pilot") in done.stderr
