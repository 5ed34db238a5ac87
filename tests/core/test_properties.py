from __future__ import annotations

import struct

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fieldvalues import properties, tables

from diracmq_cli.core.fieldtable import encode_table
from diracmq_cli.core.message import Properties
from diracmq_cli.core.properties import DecodedHeader, decode_properties, encode_properties
from diracmq_cli.core.values import OpaqueString, Table
from diracmq_cli.errors import DataError

FULL = Properties(
    content_type="text/plain",
    content_encoding="utf-8",
    delivery_mode=2,
    priority=255,
    correlation_id="c",
    reply_to="r",
    expiration="60000",
    message_id="m",
    timestamp=1_764_000_000,
    type="t",
    user_id="/DC=org/CN=é",
    app_id="a",
    cluster_id="k",
)


@given(properties, tables)
def test_what_is_written_is_read_again_exactly(given_properties: Properties, headers: Table) -> None:
    """Any properties and headers come back as they were, with no defect."""
    decoded = decode_properties(encode_properties(given_properties, headers))
    assert decoded.properties == given_properties
    assert repr(decoded.headers) == repr(headers)
    assert decoded.defect is None


def test_pika_reads_what_we_write() -> None:
    """An independent reader sees every property under its own name."""
    seen = pika.BasicProperties().decode(encode_properties(FULL, {"h": "v"}))
    assert seen.headers == {"h": "v"}
    for name in Properties.__slots__:
        assert getattr(seen, name) == getattr(FULL, name), name


def test_we_read_what_pika_writes() -> None:
    """An independent writer's header gives every property under its own name."""
    fields = {name: getattr(FULL, name) for name in Properties.__slots__}
    octets = b"".join(pika.BasicProperties(headers={"h": "v"}, **fields).encode())
    assert decode_properties(octets) == DecodedHeader(FULL, {"h": "v"})


def test_nothing_at_all_is_two_octets() -> None:
    """A message without properties and headers has flags only, and reads as such."""
    assert encode_properties(Properties(), {}) == b"\0\0"
    assert decode_properties(b"\0\0") == DecodedHeader(Properties(), {})


@given(st.binary(max_size=120))
def test_any_octets_are_decoded(octets: bytes) -> None:
    """Octets at random never raise; a defect always comes with the octets it is about."""
    for candidate in (octets, b"\x20\0" + octets, b"\xff\xfc" + octets):
        decoded = decode_properties(candidate)
        assert (decoded.defect is None) == (decoded.raw_headers is None)
        assert decoded.raw_headers is None or decoded.raw_headers in candidate


@pytest.mark.parametrize(
    "table",
    [b"\1hZ", b"\1aV\1aV", b"\1hS\0\0\0\x09x", b"\xff"],
    ids=["unknown type", "twice", "string runs out of the table", "name runs out of the table"],
)
def test_a_bad_table_costs_the_headers_only(table: bytes) -> None:
    """The properties before and after a bad header table are read, and its octets are kept."""
    good = encode_properties(FULL, {"h": 1})
    raw = struct.pack(">I", len(table)) + table
    decoded = decode_properties(good.replace(encode_table({"h": 1}), raw))
    assert decoded.properties == FULL
    assert decoded.headers == {}
    assert decoded.defect
    assert decoded.raw_headers == raw


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "cut short"),
        (b"\x80", "cut short"),
        (b"\x80\0", "cut short"),
        (b"\x80\0\5ab", "cut short"),
        (b"\x20\0\0\0\xff\xff", "cut short"),
        (b"\x00\x40\0\0", "cut short"),
        (b"\x80\0\1ab", "follows"),
        (b"\x80\1\0\0\1a", "does not have"),
    ],
)
def test_hopeless_octets_are_a_defect(octets: bytes, reason: str) -> None:
    """Where no property can be trusted, there are none, and all the octets are kept."""
    decoded = decode_properties(octets)
    assert decoded.properties == Properties()
    assert decoded.defect is not None
    assert reason in decoded.defect
    assert decoded.raw_headers == octets


def test_every_cut_is_a_defect_or_nothing() -> None:
    """No proper prefix of a full header reads as a whole one."""
    octets = encode_properties(FULL, {"h": "v"})
    for length in range(len(octets)):
        assert decode_properties(octets[:length]).defect, length


def test_short_strings_that_are_not_utf8_are_kept() -> None:
    """Such a property is an OpaqueString, and is written back as the same octets."""
    octets = b"\x80\0\2\xff\xfe"
    decoded = decode_properties(octets)
    assert decoded.properties.content_type == OpaqueString(b"\xff\xfe")
    assert encode_properties(decoded.properties, {}) == octets


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"content_type": "x" * 256}, "content_type has 256 octets"),
        ({"message_id": "é" * 128}, "message_id has 256 octets"),
        ({"app_id": OpaqueString(b"\xff" * 256)}, "app_id has 256 octets"),
        ({"user_id": "\ud800"}, "user_id holds a lone surrogate"),
        ({"priority": 256}, "priority 256 is not in 0 to 255"),
        ({"priority": -1}, "priority -1"),
        ({"delivery_mode": 0}, "delivery_mode 0 is not in 1 to 2"),
        ({"delivery_mode": 3}, "delivery_mode 3"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": 2**64}, "timestamp"),
        ({"expiration": "1s"}, "expiration 1s is not a number"),
        ({"expiration": ""}, "expiration"),
        ({"expiration": "٣"}, "expiration"),
        ({"expiration": OpaqueString(b"\xff")}, "expiration"),
    ],
)
def test_what_the_broker_would_close_the_channel_for_is_refused_by_name(wrong: dict, reason: str) -> None:
    """A property that does not fit, or that RabbitMQ closes the channel for, is a DataError that names it."""
    with pytest.raises(DataError, match=reason):
        encode_properties(Properties(**wrong), {})


def test_a_bad_header_is_refused_by_name() -> None:
    """The error of the header table comes through."""
    with pytest.raises(DataError, match="header 'n'"):
        encode_properties(Properties(), {"n": 2**64})
