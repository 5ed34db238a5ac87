"""examples/pilot-wrapper.sh, which dirac-mq-pilots(7) shows: what the batch log says and what reaches the queue, in
each case that the page names."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import take
from support.faultproxy import FaultProxy
from support.pilotjob import FOLLOW, REPLAY, PilotJob, pilot_job, undated
from support.proxies import Holder, by_hand
from support.queues import QueueFactory
from support.senders import tiny_disk

from diracmq_cli.core.jsonvalues import time_to_json

ROOT = os.geteuid() == 0
NOBODY = "amqps://localhost:1/dirac"
NUMBERS = [str(number) for number in range(1, 15001)]
"""More lines than a pipe holds."""

BEGIN = ["status bootstrap running: ", "status payload running: "]


class Place:
    """A queue for pilots, and what they need to know of it."""

    def __init__(self, broker: Broker, make_queue: QueueFactory, directory: Path) -> None:
        self.broker, self.directory = broker, directory
        self.queue, cfg = make_queue()
        self.environment = {"PILOT_QUEUE": self.queue, "DIRAC_MQ_CFG": str(cfg)}

    def job(self, payload: Sequence[str] | None = None, **environment: str) -> AbstractContextManager[PilotJob]:
        return pilot_job(self.broker, self.directory, payload, **{**self.environment, **environment})

    def arrived(self) -> list[str]:
        """Bodies in the queue, undated; it is emptied."""
        return undated("".join(f"{body.decode()}\n" for _, _, body in take(self.broker, self.queue)))


@pytest.fixture
def place(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> Place:
    return Place(devbroker, make_queue, tmp_path)


def _end(status: int) -> list[str]:
    return ["", f"status payload {'failed' if status else 'done'}: status {status}", "status pilot done: "]


def _figures(errors: str) -> tuple[int, ...]:
    """How many lines the sender says that it sent, that were confirmed, and lost."""
    found = re.search(r"(\d+) sent, (\d+) confirmed(?:, (\d+) lost)?", errors)
    assert found is not None, errors
    return tuple(int(figure or 0) for figure in found.groups())


def _spooled(job: PilotJob) -> list[dict[str, Any]]:
    """The envelopes between the marker lines of the batch log."""
    lines = job.log.splitlines()
    begin, end = lines.index(f"----- spool of {job.stamp}"), lines.index("----- end of spool")
    return [json.loads(line) for line in lines[begin + 1 : end]]


def test_all_well(place: Place) -> None:
    """Every line is in the batch log and in the queue, in order and stamped; the status is the payload's."""
    script = 'cat; for i in 1 2 3; do echo line $i; echo error $i >&2; done\nprintf "no\\040end"; exit 7'
    with place.job(["sh", "-c", script]) as job:
        assert job.ends() == 7
    said = [f"{kind} {number}" for number in (1, 2, 3) for kind in ("line", "error")]
    expected = [BEGIN[0], f"status payload running: sh -c {script}".replace("\n", " "), *said, "no end", *_end(7)[1:]]
    got = take(place.broker, place.queue)
    assert undated("".join(f"{body.decode()}\n" for _, _, body in got)) == expected
    assert undated(job.log) == expected
    assert {properties.headers["dirac-pilot"] for _, properties, _ in got} == {job.stamp}
    assert list(job.spool.iterdir()) == []


def test_a_file_that_the_payload_writes(place: Place) -> None:
    """It is followed to its end, by a sender of its own that ends with the payload."""
    with place.job(["bash", "-c", f"{FOLLOW}echo one >> events.log; echo said; echo two >> events.log"]) as job:
        assert job.ends() == 0
    arrived = place.arrived()
    assert sorted(arrived) == sorted([*BEGIN, "one", "two", "said", *_end(0)])
    assert arrived.index("one") < arrived.index("two")
    assert "one" not in undated(job.log)


def test_no_network(place: Place) -> None:
    """What no broker took is in the batch log, and replayed from there later, in order, with its ids and stamps."""
    with place.job(DIRAC_MQ_BROKER=NOBODY) as job:
        job.say("one", "two")
        assert job.exit(3) == 3
    there = _spooled(job)
    assert undated("".join(f"{row['body']}\n" for row in there)) == [*BEGIN, "one", "two", *_end(3)]
    replay = f"cd {place.directory} && {REPLAY}".replace("demo.pilots", place.queue)
    done = place.broker.command(["bash", "-c", replay], "pilot", DIRAC_MQ_CFG=place.environment["DIRAC_MQ_CFG"])
    assert done.status == 0, done.stderr
    got = take(place.broker, place.queue)
    assert [(properties.message_id, properties.headers, body.decode()) for _, properties, body in got] == [
        (row["properties"]["message_id"], row["headers"], row["body"]) for row in there
    ]
    assert {properties.headers["dirac-pilot"] for _, properties, _ in got} == {job.stamp}
    assert [time_to_json(properties.timestamp) for _, properties, _ in got] == [
        row["properties"]["timestamp"] for row in there
    ]


def test_no_network_for_a_while(place: Place, fault_proxy: FaultProxy) -> None:
    """What is said meanwhile arrives behind what was said before, and before what is said later."""
    with place.job(DIRAC_MQ_BROKER=fault_proxy.url) as job:
        job.say("before")
        job.until(lambda: place.broker.count(place.queue) == 3, "line confirmed")
        fault_proxy.refuse()
        fault_proxy.cut()
        job.say("meanwhile")
        job.until(lambda: list(job.spool.glob("*.seg")) != [], "line kept")
        fault_proxy.clear()
        job.say("later")
        assert job.exit(0) == 0
    assert place.arrived() == [*BEGIN, "before", "meanwhile", "later", *_end(0)]
    assert "----- spool" not in job.log


def test_an_expired_proxy(place: Place, tmp_path: Path) -> None:
    """The payload runs; the batch log says why nothing was sent, and holds it."""
    proxy = _proxy(place.broker, tmp_path / "proxy.pem", timedelta(hours=-1))
    with place.job(X509_USER_PROXY=str(proxy)) as job:
        job.say("one")
        assert job.exit(0) == 0
    assert "expired" in job.errors
    assert undated("".join(f"{row['body']}\n" for row in _spooled(job))) == [*BEGIN, "one", *_end(0)]


def test_a_proxy_that_is_renewed_late(place: Place, tmp_path: Path) -> None:
    """It ends, the broker closes the connection, a new one is put in its place: nothing is missing."""
    proxy = _proxy(place.broker, tmp_path / "proxy.pem", timedelta(seconds=8))
    with place.job(X509_USER_PROXY=str(proxy)) as job:
        job.say("before")
        job.until(lambda: place.broker.count(place.queue) == 3, "line confirmed")
        job.complains("expired")
        job.say("between")
        _proxy(place.broker, tmp_path / "new.pem", timedelta(hours=1)).replace(proxy)
        job.say("after")
        assert job.exit(0) == 0
    assert place.arrived() == [*BEGIN, "before", "between", "after", *_end(0)]


@pytest.mark.parametrize("group", [True, False], ids=["to all", "to the wrapper"])
def test_wall_time(place: Place, group: bool) -> None:
    """SIGTERM: the payload is told, has its last words, and its status; all of it is sent."""
    with place.job(PILOT_KILL_DELAY="60") as job:
        job.say("one")
        job.terminate(group=group)
        assert job.ends() == 9
    arrived = place.arrived()
    assert arrived[:3] == [*BEGIN, "one"]
    assert {"status pilot stopping: SIGTERM, 60 s left", "last words"} < set(arrived)
    assert arrived[-2:] == ["status payload failed: status 9", "status pilot killed: "]


def test_wall_time_without_network(place: Place) -> None:
    """A payload that does not listen is ended in time for the rest to be in the batch log."""
    with place.job(
        ["bash", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"],
        DIRAC_MQ_BROKER=NOBODY,
    ) as job:
        job.logs("\ndeaf\n")
        job.complains("trying again")
        job.terminate(group=True)
        assert job.ends() == 128 + signal.SIGKILL
    bodies = undated("".join(f"{row['body']}\n" for row in _spooled(job)))
    assert {"deaf", "status pilot stopping: SIGTERM, 10 s left"} < set(bodies)
    assert bodies[-2:] == ["status payload failed: status 137", "status pilot killed: "]


def test_sigterm_just_before_the_wait(place: Place, tmp_path: Path) -> None:
    """A payload that does not listen is ended also when the signal finds the wrapper between its start and the wait."""
    setup = tmp_path / "setup.sh"
    setup.write_text('wait() { sleep 1; builtin wait "$@"; }')
    deaf = "trap '' TERM; kill -TERM $PPID; while :; do sleep 0.1; done"
    with place.job(["bash", "-c", deaf], PILOT_SETUP=str(setup), PILOT_KILL_DELAY="5") as job:
        assert job.ends() == 128 + signal.SIGKILL
    assert "status payload failed: status 137" in undated(job.log)


def test_sigkill(place: Place) -> None:
    """What was confirmed is in the queue; what was not is gone with the scratch; nothing lives on."""
    with place.job() as job:
        job.say("one")
        job.until(lambda: place.broker.count(place.queue) == 3, "line confirmed")
        job.kill()
    assert place.arrived() == [*BEGIN, "one"]


@pytest.mark.skipif(not ROOT, reason="mounts a small file system")
@pytest.mark.parametrize("network", [True, False], ids=["a broker", "no broker"])
def test_a_full_disk(place: Place, network: bool, tmp_path: Path) -> None:
    """The payload and its batch log do not notice; what the broker does not take at once is lost, and counted."""
    with tiny_disk(tmp_path / "scratch") as scratch:
        with suppress(OSError):
            (scratch / "full").write_bytes(bytes(1 << 20))
        with place.job(**({} if network else {"DIRAC_MQ_BROKER": NOBODY})) as job:
            if network:
                job.say("one")
                job.until(lambda: place.broker.count(place.queue) == 3, "line confirmed")
            job.count(len(NUMBERS))
            assert job.exit(7) == 7
    assert [line for line in job.log.splitlines() if line.isdigit()] == NUMBERS
    arrived = place.arrived()
    assert arrived[:3] == ([*BEGIN, "one"] if network else [])
    sent, confirmed, lost = _figures(job.errors)
    assert (sent, len(arrived)) == (confirmed + lost, confirmed)
    assert [line for line in NUMBERS if line in set(arrived)] == [line for line in arrived if line.isdigit()]


def test_the_sender_is_killed(place: Place) -> None:
    """More than a pipe holds goes past a sender that has gone; what it had kept is sent in the end."""
    with place.job() as job:
        job.say("one")
        job.until(lambda: place.broker.count(place.queue) == 3, "line confirmed")
        [sender] = job.processes("dirac-mq-send")
        os.kill(sender, signal.SIGKILL)
        job.say(*["x" * 70] * 2000, "two")
        assert job.exit(5) == 5
    assert place.arrived() == [*BEGIN, "one"]
    assert undated(job.log)[-2:] == _end(5)[1:]


@pytest.mark.parametrize(
    "environment",
    [{"PATH": "/usr/bin:/bin"}, {"PILOT_QUEUE": ""}, {"PILOT_QUEUE": "no.such.queue"}, {"X509_USER_PROXY": "/nowhere"}],
    ids=["no program", "no queue asked for", "no such queue", "no proxy"],
)
def test_no_messages_at_all(place: Place, environment: dict[str, str]) -> None:
    """The payload runs as it would have, and the batch log has everything."""
    with place.job(["sh", "-c", f"cat; seq {len(NUMBERS)}; exit 7"], **environment) as job:
        assert job.ends() == 7
    assert [line for line in job.log.splitlines() if line.isdigit()] == NUMBERS
    assert undated(job.log)[-2:] == _end(7)[1:]


def _proxy(broker: Broker, file: Path, ends: timedelta) -> Path:
    """A proxy of the pilot's that ends so long from now."""
    holder = Holder(broker.layout.pki / "pilot.cert.pem", broker.layout.pki / "pilot.key.pem")
    now = datetime.now(UTC)
    return by_hand(holder, file, not_before=now - timedelta(hours=2), not_after=now + ends)
