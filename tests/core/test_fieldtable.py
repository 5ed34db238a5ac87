from __future__ import annotations

import struct
import time
from decimal import Decimal, localcontext

import pika.data
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.fieldvalues import tables

from diracmq_cli.core.fieldtable import MAX_DEPTH, TableDefect, decode_table, encode_table
from diracmq_cli.core.values import OpaqueString, Table, Timestamp
from diracmq_cli.errors import DataError


def framed(content: bytes) -> bytes:
    """A table whose content is given as octets."""
    return struct.pack(">I", len(content)) + content


def holding(value: bytes) -> bytes:
    """A table with one header ``h`` whose type letter and value are given as octets."""
    return framed(b"\1h" + value)


def nested(letter: bytes, depth: int) -> bytes:
    """``depth`` arrays (or tables) inside one another, as a value."""
    value = b""
    for level in range(depth):
        name = b"\1n" if letter == b"F" and level else b""
        value = letter + framed(name + value)
    return value


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"t\1", True),
        (b"t\0", False),
        (b"t\2", True),
        (b"b\xff", -1),
        (b"B\xff", 255),
        (b"s\xff\xfe", -2),
        (b"U\xff\xfe", -2),
        (b"u\xff\xfe", 65534),
        (b"I\xff\xff\xff\xff", -1),
        (b"i\xff\xff\xff\xff", 2**32 - 1),
        (b"l\x80\0\0\0\0\0\0\0", -(2**63)),
        (b"L\x80\0\0\0\0\0\0\0", -(2**63)),
        (b"f\x3f\x40\0\0", 0.75),
        (b"d\x3f\xe8\0\0\0\0\0\0", 0.75),
        (b"d\x80\0\0\0\0\0\0\0", -0.0),
        (b"d\x7f\xf0\0\0\0\0\0\0", float("inf")),
        (b"d\x7f\xf8\0\0\0\0\0\0", float("nan")),
        (b"D\2\0\0\0\x96", Decimal("1.50")),
        (b"D\0\xff\xff\xff\xff", Decimal("-1")),
        (b"D\xff\0\0\0\1", Decimal("1E-255")),
        (b"S\0\0\0\2\xc3\xa9", "é"),
        (b"S\0\0\0\1\xe9", OpaqueString(b"\xe9")),
        (b"S\0\0\0\0", ""),
        (b"x\0\0\0\2ab", b"ab"),
        (b"T\xff\xff\xff\xff\xff\xff\xff\xff", Timestamp(2**64 - 1)),
        (b"V", None),
        (b"A\0\0\0\3Vt\1", [None, True]),
        (b"F\0\0\0\3\1nV", {"n": None}),
        (b"F\0\0\0\0", {}),
    ],
)
def test_every_type_letter_is_read_as_rabbitmq_means_it(octets: bytes, expected: object) -> None:
    """Each letter gives its Python value, of exactly that type, and the offset of what follows."""
    table, end = decode_table(b"before" + holding(octets) + b"after", 6)
    assert repr(table) == repr({"h": expected})
    assert end == 6 + len(holding(octets))


@given(tables)
@example({"h": -0.0, "i": 0, "b": False, "d": Decimal("0.00")})
def test_what_is_written_is_read_again_exactly(table: Table) -> None:
    """Any table comes back with the same values, types, decimal scales and order."""
    octets = encode_table(table)
    again, end = decode_table(memoryview(octets))
    assert repr(again) == repr(table)
    assert end == len(octets)


@given(st.binary(max_size=200))
def test_any_octets_are_a_table_or_a_defect(octets: bytes) -> None:
    """Octets at random end in a table or in TableDefect, and in nothing else."""
    for candidate in (octets, framed(octets), holding(octets)):
        try:
            table, end = decode_table(candidate)
        except TableDefect:
            continue
        assert isinstance(table, dict)
        assert 4 <= end <= len(candidate)


@given(tables, st.data())
def test_a_table_changed_anywhere_is_a_table_or_a_defect(table: Table, data: st.DataObject) -> None:
    """One octet of a good table changed: still a table or TableDefect."""
    octets = bytearray(encode_table(table))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        decoded, _ = decode_table(bytes(octets))
    except TableDefect:
        return
    assert isinstance(decoded, dict)


def test_a_table_cut_anywhere_is_a_defect() -> None:
    """Every proper prefix of a table is refused: nothing is read beyond the end, nothing is left half read."""
    octets = encode_table({"s": "text", "n": 1, "d": Decimal("1.5"), "t": Timestamp(1), "a": [b"x", {"f": 1.5}]})
    for length in range(len(octets)):
        with pytest.raises(TableDefect):
            decode_table(octets[:length])


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (framed(b"\1aV\1aV"), "'a' is there twice"),
        (framed(b"\1\xffV"), "not UTF-8"),
        (holding(b"Z"), "unknown type 'Z'"),
        (holding(b"\xff"), "unknown type"),
        (framed(b"\1h"), "cut short"),
        (holding(b"S\0\0\0\2a"), "cut short"),
        (holding(b"S\xff\xff\xff\xffa"), "cut short"),
        (holding(b"I\0\0\0"), "cut short"),
        (holding(b"A\0\0\0\2I\0") + b"\0" * 8, "cut short"),  # runs out of its array, not out of the octets
        (holding(nested(b"A", MAX_DEPTH + 1)), "deeper"),
        (holding(nested(b"F", MAX_DEPTH + 1)), "deeper"),
        (holding(nested(b"A", 3000)), "deeper"),
        (holding(nested(b"F", 3000)), "deeper"),
        (b"", "cut short"),
        (b"\xff\xff\xff\xff", "cut short"),
    ],
)
def test_what_is_wrong_is_said_shortly(octets: bytes, reason: str) -> None:
    """Each kind of bad table gives a short reason."""
    with pytest.raises(TableDefect, match=reason) as caught:
        decode_table(octets)
    assert len(str(caught.value)) < 80


def test_nesting_up_to_the_limit_is_read() -> None:
    """64 arrays inside one another are a table like any other."""
    table, _ = decode_table(holding(nested(b"A", MAX_DEPTH)))
    assert str(table).count("[") == MAX_DEPTH


def test_large_headers_are_read_quickly() -> None:
    """100 kB of headers, in one piece, in many, or as 100,000 voids, take a moment only."""
    candidates = [
        encode_table({"h": "x" * 100_000}),
        encode_table({f"h{i}": "x" for i in range(10_000)}),
        holding(b"A" + framed(b"V" * 100_000)),
    ]
    begin = time.perf_counter()
    sizes = [len(decode_table(octets)[0]) for octets in candidates]
    assert sizes == [1, 10_000, 1]
    assert time.perf_counter() - begin < 1


def test_decimals_do_not_depend_on_the_context() -> None:
    """A caller's decimal context of three digits rounds nothing of ours."""
    with localcontext() as context:
        context.prec = 3
        table, _ = decode_table(encode_table({"d": Decimal("21474836.47")}))
    assert str(table["d"]) == "21474836.47"


def deep(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (2**63, "integer beyond 64 bits"),
        (-(2**63) - 1, "integer beyond 64 bits"),
        pytest.param(10**5000, "integer beyond 64 bits", id="too long to print"),
        (Decimal("1E+3"), "decimal"),
        (Decimal("1E-256"), "decimal"),
        (Decimal(2**31), "decimal"),
        (Decimal(-(2**31) - 1), "decimal"),
        (Decimal("1" * 10_000), "decimal"),
        (Decimal("-0"), "decimal"),
        (Decimal("NaN"), "decimal"),
        (Decimal("-Infinity"), "decimal"),
        (float("nan"), "RabbitMQ closes the connection"),
        (float("inf"), "RabbitMQ closes the connection"),
        (Timestamp(-1), "timestamp"),
        (Timestamp(2**64), "timestamp"),
        ("\ud800", "surrogate"),
        ({"n" * 256: 1}, "name of 256 octets"),
        ([{"\udfff": 1}], "surrogate"),
        (deep(MAX_DEPTH + 1), "nested deeper"),
    ],
)
def test_what_cannot_be_carried_is_refused_by_name(value: object, reason: str) -> None:
    """A value that AMQP, or RabbitMQ, cannot carry is a DataError that names the header."""
    with pytest.raises(DataError, match=f"header 'bad' .*{reason}"):
        encode_table({"good": 1, "bad": value})  # type: ignore[dict-item]


def test_a_name_may_have_255_octets_and_no_more() -> None:
    """The limit is in octets of UTF-8, not in characters."""
    assert decode_table(encode_table({"é" * 127: 1}))[0] == {"é" * 127: 1}
    with pytest.raises(DataError, match="256 octets"):
        encode_table({"é" * 128: 1})


def test_deepest_nesting_and_smallest_decimals_are_written() -> None:
    """The limits themselves are still inside."""
    table: Table = {"a": deep(MAX_DEPTH), "d": Decimal(-(2**31)), "e": Decimal("2147483647E-255")}
    assert repr(decode_table(encode_table(table))[0]) == repr(table)


def test_pika_reads_what_we_write() -> None:
    """An independent reader sees the same values."""
    table: Table = {"s": "é", "i": 7, "l": 2**40, "t": True, "v": None, "x": b"\0\xff", "a": [1, "b"], "f": {"k": -1}}
    assert pika.data.decode_table(encode_table(table), 0)[0] == table


def test_we_read_what_pika_writes() -> None:
    """An independent writer's table gives the same values."""
    table: Table = {"s": "é", "i": 7, "l": 2**40, "t": True, "v": None, "x": b"\0\xff", "a": [1, "b"], "f": {"k": -1}}
    pieces: list[bytes] = []
    pika.data.encode_table(pieces, table)
    assert decode_table(b"".join(pieces))[0] == table
