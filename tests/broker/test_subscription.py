"""Following: streams from an offset, and taps; nothing is taken."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from support.adapter import bodies, fill, session, spec_of, take

from diracmq_cli.errors import PermissionDenied, UsageError


@pytest.fixture
def stream(devbroker, make_queue):
    name, cfg = make_queue(type="stream")
    return spec_of(devbroker, name, cfg)


@pytest.mark.parametrize(
    ("offset", "expected"), [("first", range(20)), (0, range(20)), (15, range(15, 20)), ("next", range(0))]
)
def test_a_stream_from_an_offset(devbroker, stream, offset, expected):
    """A stream is read from where it was asked for, again and again."""
    fill(devbroker, stream.name, 20, counted=False)
    for _ in range(2):
        with session(devbroker) as opened:
            receiver = opened.stream_reader(stream, offset=offset)
            assert bodies(take(receiver, len(expected) or 1, 1)) == list(expected)
            receiver.put_back()


def test_a_stream_from_its_last_chunk(devbroker, stream):
    """``last`` begins with the last chunk: the end of the stream is among what comes."""
    fill(devbroker, stream.name, 20, counted=False)
    with session(devbroker) as opened:
        got = bodies(take(opened.stream_reader(stream, offset="last"), 20, 1))
    assert got == list(range(got[0], 20))


def test_a_stream_from_a_moment(devbroker, stream):
    """A time before the first message gives all; one to come gives what comes after it."""
    fill(devbroker, stream.name, 5, counted=False)
    with session(devbroker) as opened:
        receiver = opened.stream_reader(stream, offset="2020-01-01T00:00:00Z")
        assert bodies(take(receiver, 5)) == list(range(5))
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    with session(devbroker) as opened:
        assert opened.stream_reader(stream, offset=later).receive(0.5) is None


def test_acks_ask_for_more(devbroker, stream):
    """A window at a time: without acks the stream pauses, with them all of it comes."""
    fill(devbroker, stream.name, 30, counted=False)
    with session(devbroker) as opened:
        receiver = opened.stream_reader(stream, offset="first", prefetch=10)
        got = take(receiver, 30, 0.5)
        assert len(got) == 10
        while len(got) < 30:
            receiver.ack(got[-1])
            got += take(receiver, 10)
        assert bodies(got) == list(range(30))


@pytest.mark.parametrize("offset", ["", "lasst", "2026-11-24", "2026-11-24T01:58:03", "12"])
def test_no_place_in_a_stream(devbroker, stream, offset):
    """What is no offset is a usage error with examples; a time needs its zone."""
    with session(devbroker) as opened, pytest.raises(UsageError, match="no place in a stream") as caught:
        opened.stream_reader(stream, offset=offset)
    assert "first" in caught.value.hint


def test_tail_takes_nothing(devbroker, make_queue):
    """Copies of what matches a pattern come, from now on; the queue keeps every message, untouched."""
    name, cfg = make_queue()
    queue = spec_of(devbroker, name, cfg)
    fill(devbroker, name, 3)
    with session(devbroker) as opened:
        receiver = opened.tail(queue, patterns=["job.#", "other"], on_full=_never)
        with devbroker.channel("user") as channel:
            for number, key in enumerate(["job.done", "nothing", "other", "job.a.b"]):
                channel.basic_publish(f"{name}.x", key, str(number).encode())
        got = take(receiver, 4, 1)
        assert bodies(got) == [0, 2, 3]
        assert [delivery.exchange for delivery in got] == [f"{name}.x"] * 3
        assert [delivery.queue for delivery in got] == [name] * 3
        receiver.ack(got[-1])
        assert receiver.ready_count() == 7
        receiver.put_back()
    with devbroker.channel("user") as channel:
        found = [channel.basic_get(name, auto_ack=True)[0] for _ in range(7)]
    assert not any(method.redelivered for method in found)


def _never():
    raise AssertionError("nothing is lost here")


def test_a_slow_tail_loses_the_oldest_and_nobody_waits(devbroker, make_queue):
    """The private queue is bounded: the newest are kept, the publisher is confirmed as ever, and the loss is told
    once, until there was room again."""
    name, cfg = make_queue()
    told = []
    with session(devbroker) as opened:
        receiver = opened.tail(
            spec_of(devbroker, name, cfg), patterns=["#"], bound=10, on_full=lambda: told.append(None)
        )
        fill(devbroker, name, 500)
        got, more = [], take(receiver, 300, 1)
        while more:
            receiver.ack(more[-1])
            got += more
            more = take(receiver, 300, 1)
        assert len(told) == 1
        fill(devbroker, name, 500, counted=False)
        while more := take(receiver, 300, 1):
            receiver.ack(more[-1])
        assert len(told) == 2
    assert bodies(got)[-10:] == list(range(490, 500))
    assert len(got) < 500


@pytest.mark.parametrize("count", [2, 40, 400])
def test_whoever_loses_a_message_is_told(devbroker, make_queue, count):
    """However short the queue was full: of messages that did not come one was told, or all of them came."""
    name, cfg = make_queue()
    told = []
    with session(devbroker) as opened:
        receiver = opened.tail(
            spec_of(devbroker, name, cfg), patterns=["#"], bound=120, on_full=lambda: told.append(None)
        )
        got = []
        for _ in range(5):
            fill(devbroker, name, count, counted=False)
            while more := take(receiver, 20, 0.3):
                got += more
                receiver.ack(more[-1])
    assert told or len(got) == 5 * count
    assert bool(told) == (count == 400)


def test_the_private_queue_goes_with_us(devbroker, make_queue):
    """Nothing of a tail stays on the broker."""
    name, cfg = make_queue()
    with session(devbroker) as opened:
        opened.tail(spec_of(devbroker, name, cfg), patterns=["#"], on_full=_never)
        assert "amq.gen-" in devbroker.ctl("list_queues", "-p", "dirac", "name")
    assert "amq.gen-" not in devbroker.ctl("list_queues", "-p", "dirac", "name")


def test_a_stream_has_no_tap(devbroker, stream):
    """Tailing a stream is a mistake of the caller's, with the way out."""
    with session(devbroker) as opened, pytest.raises(UsageError, match="no tap"):
        opened.tail(stream, patterns=["#"], on_full=_never)


def test_who_may_only_publish_may_not_watch(devbroker):
    """A tail needs the right to watch."""
    queue = spec_of(devbroker, "demo.jobs")
    with session(devbroker, "pilot") as opened, pytest.raises(PermissionDenied, match=r"demo\.jobs"):
        opened.tail(queue, patterns=["#"], on_full=_never)
