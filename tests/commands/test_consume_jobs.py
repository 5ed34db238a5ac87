"""``consume --jobs K -- CMD``: several commands at a time, each answering for its own message."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pika
import pytest
from support.broker import Broker
from support.commands import publish, running, take
from support.queues import QueueFactory

MEET = """
cd {directory}
touch "$DIRAC_MQ_ID"
for _ in $(seq 600); do
    test "$(ls | wc -l)" -ge {others} && break
    sleep 0.05
done
test "$(ls | wc -l)" -ge {others} || exit 9
"""
"""Ends well only if so many of them are there at the same time."""


def _fill(broker: Broker, name: str, count: int) -> None:
    with broker.channel("user") as channel:
        for number in range(1, count + 1):
            properties = pika.BasicProperties(message_id=f"m{number}", delivery_mode=2)
            channel.basic_publish(f"{name}.x", "", str(number).encode(), properties)


def _left(broker: Broker, name: str) -> list[tuple[int, bool]]:
    return [(int(body), method.redelivered) for method, _, body in take(broker, name)]


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_they_run_at_the_same_time(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, kind: str) -> None:
    """Four commands that wait for each other all end; the same with --jobs 3 never would."""
    name, cfg = make_queue(type=kind, DeliveryLimit=1000 if kind == "quorum" else None)
    place = tmp_path / "meet"
    place.mkdir()
    _fill(devbroker, name, 4)
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "4", "-x", MEET.format(directory=place, others=4)]
    done = devbroker.command([*argv, "--jobs", "4"])
    assert (done.status, done.stdout) == (0, ""), done.stderr
    assert "4 handled" in done.stderr
    assert _left(devbroker, name) == []


def test_no_more_than_are_wanted(devbroker: Broker, make_queue: QueueFactory) -> None:
    """-n 5 with three hands takes the first five, and the broker has never handed us a sixth."""
    name, cfg = make_queue()
    _fill(devbroker, name, 12)
    done = devbroker.command(
        ["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "5", "--jobs", "3", "-q", "-x", 'echo "$(cat)"']
    )
    assert done.status == 0, done.stderr
    assert sorted(done.stdout.split()) == ["1", "2", "3", "4", "5"]
    assert _left(devbroker, name) == [(number, False) for number in range(6, 13)]


def test_many_through_a_few_hands(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Every message has its own command once, whatever order they end in; some are given back and come again."""
    name, cfg = make_queue()
    _fill(devbroker, name, 60)
    once = f'test $((body % 10)) = 0 && mkdir "{tmp_path}/$body" 2>/dev/null && exit 75'
    script = f'body=$(cat); {once}; echo "$body"'
    done = devbroker.command(
        [
            "dirac-mq-consume",
            name,
            "--cfg",
            str(cfg),
            "--drain",
            "--jobs",
            "5",
            "-q",
            "--",
            "sh",
            "-c",
            script,
            str(tmp_path / "back"),
        ]
    )
    assert done.status == 0, done.stderr
    assert sorted(map(int, done.stdout.split())) == list(range(1, 61))
    assert done.stderr.count("exit 75") == 6
    assert _left(devbroker, name) == []


def test_one_that_fails_ends_it_when_the_others_are_done(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """A failure takes nothing more on; what runs is waited for and acknowledged, the failed message is back."""
    name, cfg = make_queue()
    place = tmp_path / "meet"
    place.mkdir()
    _fill(devbroker, name, 9)
    meet = MEET.format(directory=place, others=3)
    script = f'{meet} test "$DIRAC_MQ_ID" = m2 && exit 9; sleep 1; exit 0'
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "--jobs", "3", "-x", script])
    assert (done.status, done.stdout) == (1, "")
    assert "error: the command failed (exit 9) and the message is back in" in done.stderr
    assert "2 handled" in done.stderr
    devbroker.wait_count(name, 7)
    assert sorted(number for number, _ in _left(devbroker, name)) == [2, 4, 5, 6, 7, 8, 9]


def test_an_interrupt_waits_for_all_of_them(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """SIGINT: no new command, those at hand are waited for and acknowledged, then 130."""
    name, cfg = make_queue()
    place = tmp_path / "begun"
    place.mkdir()
    _fill(devbroker, name, 6)
    script = f'cd {place}; touch "$DIRAC_MQ_ID"; while test ! -e go; do sleep 0.05; done'
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "--jobs", "3", "-x", script]
    with running(devbroker, argv) as command:
        deadline = time.monotonic() + 20
        while len(list(place.iterdir())) < 3:
            assert time.monotonic() < deadline, command.stderr
            time.sleep(0.02)
        command.signal(signal.SIGINT)
        devbroker.wait_count(name, 3)
        (place / "go").touch()
        done = command.end()
    assert done.status == -signal.SIGINT
    assert "3 handled" in done.stderr
    assert sorted(path.name for path in place.iterdir()) == ["go", "m1", "m2", "m3"]
    assert [number for number, _ in _left(devbroker, name)] == [4, 5, 6]


def test_each_has_its_own_time(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """--cmd-timeout ends the one that hangs, whose message comes again; those beside it are not touched."""
    name, cfg = make_queue()
    _fill(devbroker, name, 3)
    script = f'test "$DIRAC_MQ_ID" = m2 && mkdir {tmp_path}/first 2>/dev/null && sleep 60; exit 0'
    flags = ["--cfg", str(cfg), "--drain", "--jobs", "3", "--cmd-timeout", "2s"]
    done = devbroker.command(["dirac-mq-consume", name, *flags, "-x", script])
    assert (done.status, done.stdout) == (0, "")
    assert "warning: message m2: killed by SIGTERM after it was told to end" in done.stderr
    assert "3 handled, 1 given back" in done.stderr
    assert _left(devbroker, name) == []


def test_a_copy_of_what_is_in_hand_waits(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Two copies of a signed message, two hands: the second is not started beside the first, and then dropped."""
    name, cfg = make_queue(Origin="signed")
    assert devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "one"]).status == 0
    [(_, properties, body)] = take(devbroker, name)
    publish(devbroker, name, "unsigned")
    with devbroker.channel("user") as channel:
        for _ in range(2):
            channel.basic_publish(f"{name}.x", "", body, properties)
    script = f'mkdir {tmp_path}/lock || exit 9; sleep 0.5; rmdir {tmp_path}/lock; echo "$DIRAC_MQ_ORIGIN"'
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "--jobs", "2", "--reject-to", str(tmp_path / "no")]
    done = devbroker.command([*argv, "-x", script], XDG_STATE_HOME=str(tmp_path / "state"))
    assert (done.status, done.stdout) == (0, "signed\n"), done.stderr
    assert "1 dropped, taken before" in done.stderr
    assert "1 message put into" in done.stderr
    [envelope] = (tmp_path / "no").glob("*.json")
    assert json.loads(envelope.read_text())["origin"]["code"] == "origin-too-weak"
    assert devbroker.count(name) == 0


def test_jobs_of_nothing(devbroker: Broker, make_queue: QueueFactory) -> None:
    """--jobs without a command is a mistake, not a wish."""
    name, cfg = make_queue()
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "--jobs", "2"])
    assert (done.status, done.stdout) == (2, "")
    assert "--jobs is how many commands run at a time, and there is no command" in done.stderr
