"""Cutting octets into frames: any cut gives the same frames, in time that grows with the octets alone."""

from __future__ import annotations

import struct
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame, spec

from diracmq_cli.broker.frames import (
    FrameReader,
    decode_content_header,
    decode_method,
    encode_body,
    encode_content_header,
    encode_method,
)
from diracmq_cli.errors import ProtocolError

_PAYLOADS = st.lists(
    st.tuples(st.sampled_from([1, 2, 3, 8]), st.integers(0, 65535), st.binary(max_size=300)), max_size=20
)


def _octets(frames):
    return b"".join(struct.pack(">BHI", kind, channel, len(p)) + p + b"\xce" for kind, channel, p in frames)


@given(frames=_PAYLOADS, cuts=st.lists(st.integers(0, 3000)))
def test_any_cut_gives_the_same_frames(frames, cuts):
    """However the octets arrive, exactly the frames that were sent come out."""
    octets = _octets(frames)
    edges = sorted({0, len(octets), *(cut for cut in cuts if cut < len(octets))})
    reader = FrameReader()
    got = [frame for start, stop in pairwise(edges) for frame in reader.feed(octets[start:stop])]
    assert [tuple(frame) for frame in got] == frames


@given(octets=st.binary(max_size=200))
def test_any_octets(octets):
    """Whatever arrives, it is frames or a protocol error."""
    try:
        for kind, _, payload in FrameReader().feed(octets):
            if kind == spec.FRAME_METHOD:
                decode_method(payload)
            elif kind == spec.FRAME_HEADER:
                decode_content_header(payload)
    except ProtocolError:
        pass


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"HTTP/1.1 400 Bad Request", "does not speak AMQP"),
        (b"AMQP\x00\x01\x00\x00", "asks for 1-0-0"),
        (b"\x15\x03\x03\x00\x02\x02\x16", "TLS"),
        (b"\x01\x00\x00\x00\x00\x00\x01xy", "end mark"),
        (b"\x03\x00\x01\xff\xff\xff\xff", "more than was agreed"),
        (b"\x09\x00\x01\x00\x00\x00\x00", "does not speak AMQP"),
    ],
)
def test_no_amqp(octets, told):
    """What is not AMQP 0-9-1 is told by what it looks like, before anything is waited for."""
    with pytest.raises(ProtocolError, match=told):
        list(FrameReader().feed(octets))


@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 8, struct.pack(">I", spec.Basic.Deliver.INDEX)])
def test_no_method(payload):
    """A method that does not exist or is cut short is a protocol error."""
    with pytest.raises(ProtocolError):
        decode_method(payload)


@given(body=st.binary(max_size=5000), room=st.integers(20, 4096))
def test_encoding_agrees_with_pika(body, room):
    """What we encode, pika reads back: method, content header, and a body in frames of the agreed size."""
    frames = [
        encode_method(7, spec.Basic.Publish(exchange="x", routing_key="k", mandatory=True)),
        encode_content_header(7, len(body), struct.pack(">HB", spec.BasicProperties.FLAG_DELIVERY_MODE, 2)),
        *encode_body(7, body, room),
    ]
    assert all(len(octets) <= room for octets in frames[2:])
    method, header, *pieces = [frame.decode_frame(octets)[1] for octets in frames]
    assert (method.channel_number, method.method.routing_key, method.method.mandatory) == (7, "k", True)
    assert (header.body_size, header.properties.delivery_mode) == (len(body), 2)
    assert b"".join(piece.fragment for piece in pieces) == body


def _seconds(count, size, piece):
    octets = _octets([(3, 1, bytes(size))] * count)
    reader, seen = FrameReader(), 0
    started = time.process_time()
    for start in range(0, len(octets), piece):
        seen += sum(1 for _ in reader.feed(octets[start : start + piece]))
    assert seen == count
    return time.process_time() - started


@pytest.mark.parametrize(("count", "size", "piece"), [(20_000, 50, 256 * 1024), (200, 120_000, 16 * 1024)])
def test_linear(count, size, piece):
    """Four times the frames cost about four times the time: nothing is copied again and again."""
    once = min(_seconds(count, size, piece) for _ in range(3))
    assert _seconds(4 * count, size, piece) < 10 * once + 0.05
