"""Hostile messages: each is delivered like any other, and the reader goes on to the next."""

from __future__ import annotations

import pytest
from support.adapter import session, spec_of, take
from support.hostile import HOSTILE, publish_raw, with_headers

from diracmq_cli.core.values import OpaqueString, Timestamp


def _receive_with(opened, how, queue, count):
    if how == "consumer":
        return take(opened.consumer(queue, limit=None), count)
    return take(opened.getter(queue, limit=count), count)


@pytest.mark.parametrize("how", ["consumer", "getter"])
def test_no_header_ends_a_reader(devbroker, make_queue, how):
    """Every hostile message is followed by a good one, and all of them come, exact where they can be."""
    name, cfg = make_queue()
    with devbroker.channel("user") as channel:
        for title, properties in HOSTILE.items():
            publish_raw(channel.connection, f"{name}.x", "key", properties, title.encode())
            channel.basic_publish(f"{name}.x", "", b"good")
    with session(devbroker) as opened:
        got = _receive_with(opened, how, spec_of(devbroker, name, cfg), 2 * len(HOSTILE))
    assert [delivery.message.body.decode() for delivery in got[::2]] == list(HOSTILE)
    assert {delivery.message.body for delivery in got[1::2]} == {b"good"}
    by_title = {delivery.message.body.decode(): delivery for delivery in got[::2]}
    calendar = by_title["a timestamp that no calendar holds"]
    assert calendar.message.headers == {"when": Timestamp(2**64 - 1)}
    assert by_title["100 kB of headers"].message.headers == {"big": "h" * 100_000}
    deep = by_title["an array 3,000 deep"]
    assert deep.defect is not None
    assert deep.message.headers == {}
    assert deep.raw_headers in HOSTILE["an array 3,000 deep"]
    assert deep.message.properties.message_id == "deep"
    assert by_title["a message id that is not UTF-8"].message.properties.message_id == OpaqueString(b"\xff\x00\xfe")


def test_a_routing_key_that_is_not_text(devbroker, make_queue):
    """A routing key of any octets is delivered as such."""
    name, cfg = make_queue()
    with devbroker.channel("user") as channel:
        publish_raw(channel.connection, f"{name}.x", b"\xc3\x28", with_headers(b"\0\0\0\0"), b"body")
    with session(devbroker) as opened:
        (delivery,) = _receive_with(opened, "consumer", spec_of(devbroker, name, cfg), 1)
    assert delivery.message.routing_key == OpaqueString(b"\xc3\x28")


def test_a_tail_goes_on(devbroker, make_queue):
    """Who follows is no easier to stop than who takes."""
    name, cfg = make_queue()
    with session(devbroker) as opened:
        receiver = opened.tail(spec_of(devbroker, name, cfg), patterns=["#"], on_full=lambda: None)
        with devbroker.channel("user") as channel:
            for properties in HOSTILE.values():
                publish_raw(channel.connection, f"{name}.x", "key", properties, b"hostile")
            channel.basic_publish(f"{name}.x", "", b"good")
        got = take(receiver, len(HOSTILE) + 1)
    assert [delivery.message.body for delivery in got] == [b"hostile"] * len(HOSTILE) + [b"good"]
