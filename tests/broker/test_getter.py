"""Getting: hold a number of messages together, then put them back or keep them."""

from __future__ import annotations

import time

import pytest
from support.adapter import bodies, fill, session, spec_of, take

from diracmq_cli.errors import UnknownDestination


@pytest.fixture(params=["classic", "quorum"])
def queue(request, devbroker, make_queue):
    name, cfg = make_queue(type=request.param, DeliveryLimit=1000 if request.param == "quorum" else None)
    return spec_of(devbroker, name, cfg)


@pytest.mark.parametrize("limit", [1, 7, 120])
def test_no_more_than_the_limit_is_got(devbroker, queue, limit):
    """Exactly ``limit`` are held, in order, however many gets are under way; the next one is None at once."""
    fill(devbroker, queue.name, 130)
    with session(devbroker) as opened:
        receiver = opened.getter(queue, limit=limit)
        assert bodies(take(receiver, 200)) == list(range(limit))
        assert receiver.receive(5) is None
        devbroker.wait_count(queue.name, 130 - limit)
        receiver.put_back()
        devbroker.wait_count(queue.name, 130)
        assert bodies(take(receiver, 3)) == list(range(min(3, limit)))
        receiver.put_back()
    with session(devbroker) as opened:
        assert bodies(take(opened.getter(queue, limit=130), 130)) == list(range(130))


def test_the_queue_is_empty(devbroker, queue):
    """None without waiting when the queue is empty; asked again later, it looks again."""
    with session(devbroker) as opened:
        receiver = opened.getter(queue, limit=10)
        started = time.monotonic()
        assert receiver.receive(5) is None
        assert time.monotonic() - started < 1
        fill(devbroker, queue.name, 3)
        started = time.monotonic()
        got = take(receiver, 10)
        assert bodies(got) == [0, 1, 2]
        receiver.ack(got[-1])
        assert receiver.receive(5) is None
        assert time.monotonic() - started < 2
        assert receiver.ready_count() == 0


def test_a_connection_that_just_ends_gives_all_back(devbroker, queue):
    """Closing without putting back loses nothing either."""
    fill(devbroker, queue.name, 5)
    with session(devbroker) as opened:
        assert len(take(opened.getter(queue, limit=5), 5)) == 5
    devbroker.wait_count(queue.name, 5)


def test_no_such_queue(devbroker, make_queue):
    """A queue that is not on the broker is 66; putting back afterwards is no error."""
    name, cfg = make_queue()
    with devbroker.channel("operator") as channel:
        channel.queue_delete(name)
    with session(devbroker) as opened:
        receiver = opened.getter(spec_of(devbroker, name, cfg), limit=3)
        with pytest.raises(UnknownDestination, match=name):
            receiver.receive(5)
        receiver.put_back()
