"""``dirac-mq spool flush`` on a real broker."""

from __future__ import annotations

import random
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from support.adapter import closed_port
from support.broker import SCRIPTS, Broker
from support.commands import rows, take
from support.queues import QueueFactory
from support.spool import arrived, command, gaps, ids, label, line, lines, open_spool, waiting

from diracmq_cli.core.message import Message
from diracmq_cli.core.spool import Owner
from diracmq_cli.core.values import Timestamp

CUT = '[rabbit_networking:close_connection(P, "cut by a test") || P <- rabbit_networking:connections()]'


@pytest.fixture
def jane(devbroker: Broker) -> Owner:
    """The devbroker's user, as the owner of entries."""
    return Owner(devbroker.dn("user"), "dev")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def keep(path: Path, owner: Owner, queue: str, messages: Sequence[Message]) -> None:
    """What a sender of that owner leaves behind."""
    spool = open_spool(path)
    keeper = spool.keeper(label(owner, queue))
    keeper.append(messages)
    keeper.close()
    spool.close()


def test_entries_arrive_as_they_were_stamped(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path
) -> None:
    """Order, ids, the old timestamp, headers of every type and any body come through; the spool is empty."""
    queue, _ = make_queue()
    typed = line("typed", owner=jane, timestamp=1_700_000_000)
    typed.headers.update({"n": 7, "yes": True, "d": Decimal("1.50"), "t": Timestamp(1), "b": b"\0\xff", "l": [1, {}]})
    messages = [typed, line("bytes", owner=jane), *lines(0, 300, owner=jane)]
    keep(path, jane, queue, messages[:100])
    keep(path, jane, queue, messages[100:])
    done = command(devbroker, path, "flush", "-t", "20s", "-j")
    assert (done.status, rows(done)) == (
        0,
        [{"confirmed": 302, "remaining": 0, "others": 0, "expired": 0, "dropped": 0, "damaged": 0}],
    )
    assert "302 entries" in done.stderr
    got = take(devbroker, queue)
    assert [body for _, _, body in got] == [message.body for message in messages]
    assert [properties.message_id for _, properties, _ in got] == ids(messages)
    first = got[0][1]
    assert first.timestamp == 1_700_000_000
    assert first.user_id == first.headers["dirac-dn"] == jane.login
    assert first.headers["d"] == Decimal("1.50")
    assert first.headers["l"] == [1, {}]
    assert first.delivery_mode == 2
    assert list(path.iterdir()) == []


def test_with_no_broker_everything_remains(devbroker: Broker, jane: Owner, path: Path) -> None:
    """It tries until the time is up, says why nothing went, and ends with 75; nothing is lost."""
    keep(path, jane, "demo.jobs", lines(0, 5, owner=jane))
    started = time.monotonic()
    done = command(devbroker, path, "flush", "-t", "2s", "-b", f"amqps://localhost:{closed_port()}/dirac")
    assert 1.5 < time.monotonic() - started < 4
    assert (done.status, done.stdout) == (75, "")
    assert "5 entries left" in done.stderr
    assert "refused" in done.stderr
    assert len(waiting(open_spool(path))) == 5


def test_others_entries_are_reported_and_left(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path
) -> None:
    """Ours go, another identity's and another service's stay untouched, and the exit status is 4."""
    queue, _ = make_queue()
    pilot = Owner(devbroker.dn("pilot"), "dev")
    keep(path, pilot, queue, lines(0, 3, "theirs", owner=pilot))
    keep(path, Owner(jane.login, "elsewhere"), queue, lines(0, 2, "elsewhere", owner=jane))
    keep(path, jane, queue, lines(0, 4, "ours", owner=jane))
    done = command(devbroker, path, "flush", "-t", "20s")
    assert (done.status, done.stdout) == (4, "")
    assert f"5 entries left that others own ({jane.login} at elsewhere, {pilot})" in done.stderr
    assert "no service elsewhere" in done.stderr
    assert arrived(devbroker, queue) == [f"ours-{number}" for number in range(4)]
    assert ids(waiting(open_spool(path))) == ["theirs-0", "theirs-1", "theirs-2", "elsewhere-0", "elsewhere-1"]
    done = command(devbroker, path, "flush", "-t", "20s", "-b", "dev", role="pilot")
    assert done.status == 0
    assert arrived(devbroker, queue) == ["theirs-0", "theirs-1", "theirs-2"]


def test_one_bad_destination_does_not_hold_up_the_others(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path
) -> None:
    """What goes to an exchange that is gone, or that we may not write, stays; what was kept after it is sent."""
    queue, _ = make_queue()
    forbidden, _ = make_queue(Publishers="user:nobody")
    keep(path, jane, "test-missing", lines(0, 300, "lost", owner=jane))
    keep(path, jane, forbidden, lines(0, 3, "forbidden", owner=jane))
    keep(path, jane, queue, lines(0, 3, owner=jane))
    keep(path, jane, "test-missing", lines(300, 303, "lost", owner=jane))
    done = command(devbroker, path, "flush", "-t", "20s")
    assert (done.status, done.stdout) == (75, "")
    assert "306 entries left" in done.stderr
    assert arrived(devbroker, queue) == ["line-0", "line-1", "line-2"]
    assert len(waiting(open_spool(path))) == 306


def test_what_is_returned_stays(devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path) -> None:
    """An entry that no queue takes is not removed, and those behind it are sent."""
    queue, _ = make_queue()
    with devbroker.channel("operator") as channel:
        channel.queue_unbind(queue, f"{queue}.x", "#")
        channel.queue_bind(queue, f"{queue}.x", "key")
    keyed = [
        Message(body=b"x", properties=line(f"keyed-{n}", owner=jane).properties, routing_key="key") for n in (1, 2)
    ]
    keep(path, jane, queue, [*lines(0, 2, owner=jane), *keyed])
    done = command(devbroker, path, "flush", "-t", "20s")
    assert done.status == 75
    assert "312 NO_ROUTE" in done.stderr
    assert arrived(devbroker, queue) == ["keyed-1", "keyed-2"]
    assert ids(waiting(open_spool(path))) == ["line-0", "line-1"]


def test_a_full_queue_is_tried_again_later(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path
) -> None:
    """What the broker refuses for now stays, and comes with the next flush; nothing is missing at the end."""
    queue, _ = make_queue(MaxLength=50, Overflow="reject-publish")
    keep(path, jane, queue, lines(0, 200, owner=jane))
    got: list[str] = []
    for _ in range(20):
        done = command(devbroker, path, "flush", "-t", "20s")
        got += arrived(devbroker, queue)
        if done.status == 0:
            break
        assert done.status == 75
        assert len(got) + len(waiting(open_spool(path))) >= 200
    assert sorted(set(got), key=lambda one: int(one.split("-")[1])) == [f"line-{number}" for number in range(200)]


def test_losses_end_with_4(devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path) -> None:
    """Expired and dropped entries are told once, with their figures; what is left goes."""
    queue, _ = make_queue()
    spool = open_spool(path, limit=30_000)
    keeper = spool.keeper(label(jane, queue))
    old = int(time.time()) - 7200
    for number in range(20):
        keeper.append(lines(number * 10, number * 10 + 10, owner=jane))
    keeper.append([line("old", owner=jane, timestamp=old)])
    keeper.close()
    dropped, left = gaps(spool), ids(waiting(spool))
    assert dropped
    done = command(devbroker, path, "flush", "-t", "20s", "--spool-ttl", "1h")
    assert (done.status, done.stdout) == (4, "")
    assert f"1 expired, {dropped} dropped because the spool was full" in done.stderr
    assert arrived(devbroker, queue) == left[:-1]
    assert command(devbroker, path, "flush", "-t", "20s").status == 0


def test_without_a_credential_nothing_is_tried(devbroker: Broker, jane: Owner, path: Path) -> None:
    """A missing proxy is said as such; on an empty spool no credential is needed."""
    missing = {"X509_USER_PROXY": str(path / "none")}
    assert command(devbroker, path, "flush", "-t", "5s", **missing).status == 0
    keep(path, jane, "demo.jobs", lines(0, 2, owner=jane))
    done = command(devbroker, path, "flush", "-t", "5s", **missing)
    assert (done.status, done.stdout) == (77, "")
    assert len(waiting(open_spool(path))) == 2


@pytest.mark.parametrize("count", [5000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_a_lost_connection_repeats_only_what_was_in_flight(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path, count: int
) -> None:
    """The broker cuts every connection several times: all entries arrive, repeats bear the same id."""
    queue, _ = make_queue()
    keep(path, jane, queue, lines(0, count, owner=jane))
    over = threading.Event()
    cuts: list[str] = []

    def cut() -> None:
        while len(cuts) < 4 and not over.wait(0.2):
            cuts.append(devbroker.eval(CUT))

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        done = command(devbroker, path, "flush", "-t", "120s", timeout=150)
    finally:
        over.set()
        thread.join()
    assert (done.status, done.stdout) == (0, "")
    _all_arrived_in_order(arrived(devbroker, queue), count, cuts=len(cuts))
    assert list(path.iterdir()) == []


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_flush_repeats_only_what_was_in_flight(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path, seed: int
) -> None:
    """SIGKILL in the middle: the next flush sends the rest, and at most one window of messages twice."""
    queue, _ = make_queue()
    keep(path, jane, queue, lines(0, 5000, owner=jane))
    process = _start_flush(devbroker, path)
    _wait_for_some(devbroker, queue)
    time.sleep(random.Random(seed).uniform(0, 0.2))
    process.kill()
    process.wait()
    left = ids(waiting(open_spool(path)))
    assert 0 < len(left) < 5000
    assert command(devbroker, path, "flush", "-t", "60s").status == 0
    _all_arrived_in_order(arrived(devbroker, queue), 5000, cuts=1)


def test_sigterm_ends_it_cleanly(devbroker: Broker, make_queue: QueueFactory, jane: Owner, path: Path) -> None:
    """SIGTERM: confirms in flight are awaited, so that nothing comes twice afterwards; the status is the signal's."""
    queue, _ = make_queue()
    keep(path, jane, queue, lines(0, 5000, owner=jane))
    process = _start_flush(devbroker, path)
    _wait_for_some(devbroker, queue)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    assert 0 < len(waiting(open_spool(path))) < 5000
    assert command(devbroker, path, "flush", "-t", "60s").status == 0
    assert arrived(devbroker, queue) == [f"line-{number}" for number in range(5000)]


def _start_flush(broker: Broker, path: Path) -> subprocess.Popen[bytes]:
    environment = broker.env(DIRAC_MQ_SPOOL=str(path))
    argv = [str(SCRIPTS / "dirac-mq"), "spool", "flush", "-q"]
    return subprocess.Popen(argv, env=environment, cwd=broker.home, stdout=subprocess.DEVNULL)


def _wait_for_some(broker: Broker, queue: str) -> None:
    deadline = time.monotonic() + 20
    while not broker.count(queue):
        assert time.monotonic() < deadline


def _all_arrived_in_order(got: list[str], count: int, *, cuts: int) -> None:
    """Each line arrived; first arrivals are in order; no more came twice than was in flight at each cut."""
    assert list(dict.fromkeys(got)) == [f"line-{number}" for number in range(count)]
    assert len(got) <= count + cuts * 1000
