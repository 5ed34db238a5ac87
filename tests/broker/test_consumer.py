"""Consuming: never more than is wanted, settled as was said, and everything else back in its place."""

from __future__ import annotations

import os
import time

import pytest
from support.adapter import bodies, fill, open_session, session, spec_of, take

from diracmq_cli.errors import PermissionDenied, UnknownDestination


@pytest.fixture(params=["classic", "quorum"])
def queue(request, devbroker, make_queue):
    """A queue of that type, as the CS describes it."""
    name, cfg = make_queue(type=request.param, DeliveryLimit=1000 if request.param == "quorum" else None)
    return spec_of(devbroker, name, cfg)


@pytest.fixture
def quorum(devbroker, make_queue):
    name, cfg = make_queue(type="quorum", DeliveryLimit=1000)
    return spec_of(devbroker, name, cfg)


def _rest(broker, queue, count):
    """What an independent client finds: bodies, and how often each had been handed to somebody before."""
    broker.wait_count(queue.name, count)
    with broker.channel("user") as channel:
        found = [channel.basic_get(queue.name, auto_ack=True) for _ in range(count)]
    return [int(body) for _, _, body in found], [bool(method.redelivered) for method, _, _ in found]


@pytest.mark.parametrize(("limit", "batch"), [(1, 1), (2, 1), (7, 1), (7, 3), (7, 7), (30, 4), (30, 30)])
def test_no_more_than_the_limit_is_ever_handed_over(devbroker, queue, limit, batch):
    """However deliveries are settled, the broker has handed us exactly ``limit``: the others were never touched."""
    fill(devbroker, queue.name, 40)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=limit)
        got = []
        while (delivery := receiver.receive(5)) is not None:
            got.append(delivery)
            if len(got) % batch == 0 or len(got) == limit:
                receiver.ack(delivery)
        started = time.monotonic()
        assert receiver.receive(5) is None
        assert time.monotonic() - started < 0.1
    assert bodies(got) == list(range(limit))
    rest, redelivered = _rest(devbroker, queue, 40 - limit)
    assert rest == list(range(limit, 40))
    assert not any(redelivered)


def test_receive_now_does_not_wait(devbroker, queue):
    """receive(0) gives what is here and nothing else; with the window full it says None rather than take more."""
    fill(devbroker, queue.name, 10)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None, prefetch=3)
        first = receiver.receive(5)
        got = [first]
        deadline = time.monotonic() + 5
        while len(got) < 3 and time.monotonic() < deadline:
            got += [delivery] if (delivery := receiver.receive(0)) else []
        assert [receiver.receive(0) for _ in range(5)] == [None] * 5
        receiver.ack(got[-1])
        assert bodies(take(receiver, 3)) == [3, 4, 5]


def test_waiting_with_a_full_window_goes_on(devbroker, queue):
    """Whoever waits for more than a window without settling gets it, up to the limit."""
    fill(devbroker, queue.name, 20)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=15, prefetch=4)
        assert bodies(take(receiver, 20)) == list(range(15))
        receiver.put_back()
    assert _rest(devbroker, queue, 20)[0] == list(range(20))


def test_an_empty_queue(devbroker, queue):
    """Nothing there: None after the timeout, and at once for a timeout of nothing."""
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None)
        assert receiver.receive(0) is None
        started = time.monotonic()
        assert receiver.receive(0.3) is None
        assert 0.3 <= time.monotonic() - started < 1


def test_ack_is_for_all_before(devbroker, queue):
    """ack settles what came before too, and nothing after."""
    fill(devbroker, queue.name, 10)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None)
        got = take(receiver, 10)
        receiver.ack(got[5])
        receiver.put_back()
        assert devbroker.count(queue.name) == 4
    assert _rest(devbroker, queue, 4)[0] == [6, 7, 8, 9]


def test_put_back_keeps_the_order(devbroker, queue):
    """Taken and given back, by whoever and however often: the queue is as it was."""
    fill(devbroker, queue.name, 50)
    for _ in range(3):
        with session(devbroker) as opened:
            receiver = opened.consumer(queue, limit=None, prefetch=20)
            take(receiver, 7)
            receiver.put_back()
            assert devbroker.count(queue.name) == 50
    assert _rest(devbroker, queue, 50)[0] == list(range(50))


def test_going_on_after_put_back(devbroker, queue):
    """After put_back everything is wanted again, in order; settling by an old delivery does nothing."""
    fill(devbroker, queue.name, 5)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=5)
        old = take(receiver, 2)
        receiver.put_back()
        receiver.ack(old[-1])
        receiver.reject(old[0])
        got = take(receiver, 5)
        assert bodies(got) == list(range(5))
        receiver.ack(got[-1])
        assert receiver.ready_count() == 0


def test_requeue_and_reject(devbroker, make_queue):
    """requeue gives one back; reject sends one to the dead-letter queue; neither touches the others."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    queue = spec_of(devbroker, name, cfg)
    fill(devbroker, name, 4)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=4)
        got = take(receiver, 4)
        receiver.reject(got[2])
        receiver.requeue(got[1])
        receiver.put_back()
        devbroker.wait_count(dead, 1)
    rest, redelivered = _rest(devbroker, queue, 3)
    assert rest == [0, 1, 3]
    assert all(redelivered)


def test_what_was_requeued_is_wanted_again(devbroker, queue):
    """A message given back does not use up the limit."""
    fill(devbroker, queue.name, 1)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=1)
        for _ in range(3):
            receiver.requeue(receiver.receive(5))
        receiver.ack(receiver.receive(5))
        assert receiver.receive(5) is None
    assert devbroker.count(queue.name) == 0


@pytest.mark.parametrize("settle", ["hold", "reject", "ack_one"])
def test_what_does_not_count_towards_the_limit(devbroker, queue, settle):
    """Each delivery that does not count brings one more, whatever becomes of it; no further message is touched."""
    fill(devbroker, queue.name, 20)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=5, prefetch=2)
        got = []
        while (delivery := receiver.receive(5)) is not None:
            got.append(int(delivery.message.body))
            if got[-1] % 2:
                receiver.want_more()
                if settle != "hold":
                    getattr(receiver, settle)(delivery)
            else:
                receiver.ack_one(delivery)
        assert got == list(range(10 if got[-1] % 2 else 9))
        receiver.put_back()
    held = [number for number in got if number % 2 and settle == "hold"]
    rest, redelivered = _rest(devbroker, queue, 20 - len(got) + len(held))
    assert rest == [*held, *range(len(got), 20)]
    assert redelivered == [True] * len(held) + [False] * (20 - len(got))


def test_a_quorum_queue_counts_only_what_was_taken(devbroker, quorum):
    """x-delivery-count of what we never wanted stays as it was; of what we gave back it is one more."""
    fill(devbroker, quorum.name, 10)
    with session(devbroker) as opened:
        receiver = opened.consumer(quorum, limit=3)
        take(receiver, 3)
        receiver.put_back()
    devbroker.wait_count(quorum.name, 10)
    with session(devbroker) as opened:
        got = take(opened.getter(quorum, limit=10), 10)
    assert bodies(got) == list(range(10))
    assert [delivery.delivery_count for delivery in got] == [1, 1, 1] + [0] * 7


def test_ready_count(devbroker, queue):
    """ready_count is what is still to be had: in the queue, or arrived here and not yet received."""
    fill(devbroker, queue.name, 10)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None, prefetch=5)
        receiver.ack(take(receiver, 1)[0])
        deadline = time.monotonic() + 5
        while receiver.ready_count() != 9 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert receiver.ready_count() == 9
        receiver.put_back()


def test_no_such_queue(devbroker, make_queue):
    """A queue that the CS knows and the broker does not is 66 and named."""
    name, cfg = make_queue()
    with devbroker.channel("operator") as channel:
        channel.queue_delete(name)
    with session(devbroker) as opened, pytest.raises(UnknownDestination, match=name):
        opened.consumer(spec_of(devbroker, name, cfg), limit=1).receive(5)


def test_a_queue_deleted_under_us(devbroker, queue):
    """What has arrived is handed out, then 66; giving back is no second error."""
    fill(devbroker, queue.name, 1)
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None)
        assert receiver.receive(5) is not None
        with devbroker.channel("operator") as channel:
            channel.queue_delete(queue.name)
        with pytest.raises(UnknownDestination, match="deleted"):
            receiver.receive(5)
        receiver.put_back()


def test_who_may_only_publish_may_not_read(devbroker):
    """Reading without the right to is 77."""
    queue = spec_of(devbroker, "demo.jobs")
    with session(devbroker, "pilot") as opened, pytest.raises(PermissionDenied, match=r"demo\.jobs"):
        opened.consumer(queue, limit=1).receive(5)


def test_turn_waits_beside_the_queue(devbroker, queue):
    """turn keeps the connection alive until fd is readable; deliveries that come meanwhile are kept."""
    fill(devbroker, queue.name, 2)
    reader, writer = os.pipe()
    with session(devbroker) as opened:
        receiver = opened.consumer(queue, limit=None)
        receiver.receive(5)
        assert receiver.turn(0.1, reader) is False
        os.write(writer, b".")
        assert receiver.turn(5, reader) is True
        assert bodies([receiver.receive(0)]) == [1]
    os.close(reader)
    os.close(writer)


def test_a_signal_ends_receive(devbroker, queue):
    """A signal that came before receive ends it at once, once."""
    wake, signals = os.pipe()
    opened = open_session(devbroker, wake_fd=wake)
    receiver = opened.consumer(queue, limit=None)
    os.write(signals, b"\x0f")
    started = time.monotonic()
    assert receiver.receive(5) is None
    assert time.monotonic() - started < 1
    receiver.close()
    os.close(wake)
    os.close(signals)
