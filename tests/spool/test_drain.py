"""A sender that drains what it kept while it goes on keeping, as ``send --spool`` does after an outage."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NoReturn

import pytest
from support.adapter import receipts, session
from support.broker import Broker
from support.queues import QueueFactory
from support.spool import arrived, label, line, lines, open_spool, waiting

from diracmq_cli.core.ports import Publisher
from diracmq_cli.core.spool import Owner
from diracmq_cli.errors import BrokerLost, PermissionDenied
from diracmq_cli.operations.drain import Drain, DrainSummary


@pytest.fixture
def jane(devbroker: Broker) -> Owner:
    return Owner(devbroker.dn("user"), "dev")


def _drain(drain: Drain, publisher: Publisher) -> None:
    deadline = time.monotonic() + 20
    while not drain.finished:
        drain.publish(publisher)
        drain.settle(publisher.turn(deadline - time.monotonic()))
        assert time.monotonic() < deadline


def _turn_for_ever(publisher: Publisher) -> NoReturn:
    while True:
        publisher.turn(5)


def test_new_lines_queue_up_behind_old_ones(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, tmp_path: Path
) -> None:
    """What an earlier run left goes first, then what this one keeps, even while it is drained; then it sends again
    without the spool. All lines arrive in order, and no file is left."""
    queue, _ = make_queue()
    spool = open_spool(tmp_path / "spool")
    earlier = spool.keeper(label(jane, queue))
    earlier.append(lines(0, 500, owner=jane))
    earlier.close()
    keeper = spool.keeper(label(jane, queue))
    keeper.append(lines(500, 510, owner=jane))
    assert keeper.backlog is not None
    drain = Drain([*spool.abandoned(jane), keeper.backlog], summary := DrainSummary())
    with session(devbroker) as opened:
        publisher = opened.publisher(max_messages=50)
        for number in range(510, 1500, 10):
            keeper.append(lines(number, number + 10, owner=jane))
            drain.publish(publisher)
            drain.settle(publisher.turn(0.01))
        _drain(drain, publisher)
        assert list((tmp_path / "spool").glob("*.seg")) == []
        live = publisher.publish(f"{queue}.x", line("line-1500", owner=jane))
        assert [receipt.sequence for receipt in drain.settle(receipts(publisher))] == [live]
    drain.close()
    keeper.close()
    assert summary.confirmed == 1500
    assert arrived(devbroker, queue) == [f"line-{number}" for number in range(1501)]
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_second_outage_begins_a_second_drain(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, tmp_path: Path
) -> None:
    """Lost in the middle: ``rewind`` sends what was not confirmed again, before what is newer, and nothing else."""
    queue, _ = make_queue()
    spool = open_spool(tmp_path / "spool")
    keeper = spool.keeper(label(jane, queue))
    keeper.append(lines(0, 1000, owner=jane))
    assert keeper.backlog is not None
    drain = Drain([keeper.backlog], summary := DrainSummary())
    with session(devbroker) as opened:
        publisher = opened.publisher(max_messages=100)
        drain.publish(publisher)
        drain.settle(publisher.turn(5))
        drain.publish(publisher)
        opened.close()
        with pytest.raises(BrokerLost):
            _turn_for_ever(publisher)
    drain.rewind()
    keeper.append(lines(1000, 1100, owner=jane))
    assert len(waiting(spool)) == 1100 - summary.confirmed
    with session(devbroker) as opened:
        _drain(drain, opened.publisher())
    drain.close()
    keeper.close()
    got = arrived(devbroker, queue)
    assert list(dict.fromkeys(got)) == [f"line-{number}" for number in range(1100)]
    assert len(got) <= 1100 + 200
    assert summary.confirmed == 1100
    assert list((tmp_path / "spool").iterdir()) == []


def test_the_oldest_run_stays_first_through_several_losses(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, tmp_path: Path
) -> None:
    """However often the connection goes, and wherever, the runs are sent in their order."""
    queue, _ = make_queue()
    spool = open_spool(tmp_path / "spool")
    for run in range(3):
        keeper = spool.keeper(label(jane, queue))
        keeper.append([line(f"line-{run}", owner=jane)])
        keeper.close()
        time.sleep(0.002)  # runs that begin in one millisecond are in either order
    drain = Drain(spool.abandoned(jane), DrainSummary())
    for window in (2, 1, 3):
        with session(devbroker) as opened:
            drain.publish(opened.publisher(max_messages=window))
            assert drain.in_flight == window
        drain.rewind()
        devbroker.purge(queue)
    with session(devbroker) as opened:
        _drain(drain, opened.publisher())
    drain.close()
    assert arrived(devbroker, queue) == ["line-0", "line-1", "line-2"]


def test_a_destination_that_is_full_is_left_alone(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, tmp_path: Path
) -> None:
    """After a nack no more of that backlog is published than was in flight; the next one has its turn."""
    full, _ = make_queue(MaxLength=20, Overflow="reject-publish")
    queue, _ = make_queue()
    spool = open_spool(tmp_path / "spool")
    for name in (full, queue):
        keeper = spool.keeper(label(jane, name))
        keeper.append(lines(0, 200, owner=jane))
        keeper.close()
        time.sleep(0.002)
    drain = Drain(spool.abandoned(jane), summary := DrainSummary())
    with session(devbroker) as opened:
        _drain(drain, opened.publisher(max_messages=10))
    drain.close()
    assert 0 < summary.nacked <= 10
    assert len(arrived(devbroker, queue)) == 200
    assert len(arrived(devbroker, full)) + len(waiting(spool)) == 200
    assert "basic.nack" in str(summary.failure)


def test_an_exchange_that_the_broker_refuses_is_passed_over(
    devbroker: Broker, make_queue: QueueFactory, jane: Owner, tmp_path: Path
) -> None:
    """``bar`` leaves everything that goes there, what comes to light later too."""
    queue, _ = make_queue()
    spool = open_spool(tmp_path / "spool")
    for name in ("test-missing", queue, "test-missing"):
        keeper = spool.keeper(label(jane, name))
        keeper.append(lines(0, 3, owner=jane))
        keeper.close()
        time.sleep(0.002)
    drain = Drain(spool.abandoned(jane), summary := DrainSummary())
    with session(devbroker) as opened:
        publisher = opened.publisher()
        drain.publish(publisher)
        assert drain.in_flight == 3  # only one exchange at a time
        with pytest.raises(PermissionDenied) as caught:
            _turn_for_ever(publisher)
    drain.bar(str(caught.value))
    with session(devbroker) as opened:
        _drain(drain, opened.publisher())
    drain.close()
    assert summary.confirmed == 3
    assert len(arrived(devbroker, queue)) == 3
    assert len(waiting(spool)) == 6
