"""Envelopes in, envelopes out: octets and types exact, order kept, nothing left behind."""

from __future__ import annotations

import base64
import json
import math
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import rows, shell
from support.hostile import publish_raw, string, table, with_headers
from support.queues import QueueFactory

KINDS = (
    lambda r: None,
    lambda r: r.random() < 0.5,
    lambda r: r.choice([0, -1, 127, -128, 2**31 - 1, 2**31, -(2**31) - 1, 2**53, -(2**53), r.getrandbits(40)]),
    lambda r: {"$int": str(r.choice([2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]))},
    lambda r: {"$f64": r.choice([0.75, -1e300, 5e-324, 1.0, "-0.0"])},
    lambda r: {"$dec": r.choice(["1.50", "0", "-3", "2147483647", "1E-255"])},
    lambda r: r.choice(["", "text", "Zürich ✓", "line\nline", "\u202e\x1b[31m", "[red]", "$b64"]),
    lambda r: {"$s64": base64.b64encode(b"\xff" + r.randbytes(5)).decode()},
    lambda r: {"$b64": base64.b64encode(r.randbytes(r.randrange(9))).decode()},
    lambda r: {"$ts": r.choice(["1970-01-01T00:00:00Z", "2026-11-24T01:58:03Z", str(2**64 - 1)])},
    lambda r: [_value(r, 0.3) for _ in range(r.randrange(4))],
    lambda r: {f"k{index}": _value(r, 0.3) for index in range(2 + r.randrange(3))},
    lambda r: {"$table": {"$ts": _value(r, 0)}},
)
"""One maker of JSON for each type of a field table."""


def _value(r: random.Random, nesting: float = 1) -> Any:
    """A random value; with ``nesting`` below 1, rarely one that holds others."""
    if r.random() < nesting:
        return r.choice(KINDS)(r)
    return r.choice(KINDS[:-3])(r)


def _sizes(r: random.Random, count: int, total: int) -> list[int]:
    """Log-uniform up to 1 MB until ``total`` octets are reached, then log-uniform up to 1 kB; in random order."""
    sizes: list[int] = []
    while len(sizes) < count:
        limit = 1_000_000 if total > 0 else 1_000
        sizes.append(int(math.exp(r.random() * math.log(limit + 1))) - 1)
        total -= sizes[-1]
    r.shuffle(sizes)
    return sizes


def _envelopes(seed: int, count: int, total: int) -> Iterator[dict[str, Any]]:
    """Envelopes with every header type; the first body has every octet value."""
    r = random.Random(seed)
    for number, size in enumerate(_sizes(r, count, total)):
        body = r.randbytes(size) if number else bytes(range(256)) * 2
        headers = {f"h{kind}": make(r) for kind, make in enumerate(KINDS) if number < 5 or r.random() < 0.2}
        properties = {
            "message_id": f"m{number}",
            "content_type": r.choice(["text/plain", "application/octet-stream"]),
            "content_encoding": "identity",
            "correlation_id": f"c{number}",
            "reply_to": "answers",
            "type": r.choice(["a", "ä"]),
            "priority": r.randrange(10),
            "delivery_mode": r.choice([1, 2]),
            "expiration": str(3_600_000 + number),
        }
        document = {"v": 1, "routing_key": f"k.{number}", "properties": properties, "headers": headers}
        try:
            document["body"] = body.decode()
        except UnicodeDecodeError:
            document["body_b64"] = base64.b64encode(body).decode()
        yield document


def _essence(row: dict[str, Any]) -> str:
    """What of an envelope must survive, as text, since 1, 1.0 and true are equal to Python."""
    own = (
        "message_id",
        "content_type",
        "content_encoding",
        "correlation_id",
        "reply_to",
        "type",
        "priority",
        "delivery_mode",
        "expiration",
    )
    kept = {
        "routing_key": row["routing_key"],
        "properties": {name: row["properties"][name] for name in own},
        "headers": {name: value for name, value in row["headers"].items() if not name.startswith(("dirac-", "x-"))},
        "body": row.get("body"),
        "body_b64": row.get("body_b64"),
    }
    return json.dumps(kept, sort_keys=True)


@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_round_trip(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, kind: str) -> None:
    """500 messages and 10 MB through send, peek and consume, and what peek shows sent once more."""
    name, cfg = make_queue(type=kind, DeliveryLimit=1_000_000 if kind == "quorum" else None)
    _round_trip(devbroker, name, cfg, tmp_path, 500, 10_000_000)


@pytest.mark.soak
def test_round_trip_at_full_length(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """10,000 messages and 200 MB."""
    name, cfg = make_queue()
    _round_trip(devbroker, name, cfg, tmp_path, 10_000, 200_000_000)


def _round_trip(broker: Broker, name: str, cfg: Path, directory: Path, count: int, total: int) -> None:
    sent = directory / "sent.jsonl"
    with sent.open("w") as file:
        for envelope in _envelopes(1, count, total):
            file.write(json.dumps(envelope, ensure_ascii=False) + "\n")
    common = f"{name} --cfg {cfg} -t 10m"
    for step in (
        f"dirac-mq-send {common} --from-json -q sent.jsonl",
        f"dirac-mq-peek {common} -n {count} -j > peeked.jsonl",
        f"dirac-mq-consume {common} --drain -j > consumed.jsonl",
        f"dirac-mq-send {common} --from-json -q < peeked.jsonl",
        f"dirac-mq-consume {common} -n {count} -j > again.jsonl",
    ):
        done = shell(broker, f"cd {directory}; exec {step}", timeout=900)
        assert (done.status, done.stdout, done.stderr) == (0, "", ""), f"{step}: {done.stderr}"
        if "send" in step:
            broker.wait_count(name, count)
    assert broker.count(name) == 0
    for file in ("peeked.jsonl", "consumed.jsonl", "again.jsonl"):
        with sent.open() as before, (directory / file).open() as after:
            number = 0
            for number, (first, second) in enumerate(zip(before, after, strict=True), 1):
                assert _essence(json.loads(first)) == _essence(json.loads(second)), f"message {number} of {file}"
            assert number == count


def test_every_type_as_others_encode_it(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Each field type of RabbitMQ's table, encoded by hand: readers show its value and type."""
    name, cfg = make_queue()
    long_string = string("Zürich".encode())
    fields = {
        "t": (b"t\x01", True),
        "b": (b"b\xff", -1),
        "B": (b"B\xff", 255),
        "s": (b"s" + struct.pack(">h", -2), -2),
        "u": (b"u" + struct.pack(">H", 65535), 65535),
        "I": (b"I" + struct.pack(">i", -3), -3),
        "i": (b"i" + struct.pack(">I", 2**32 - 1), 2**32 - 1),
        "l": (b"l" + struct.pack(">q", -(2**63)), {"$int": str(-(2**63))}),
        "f": (b"f" + struct.pack(">f", 0.75), {"$f64": 0.75}),
        "d": (b"d" + struct.pack(">d", 0.1), {"$f64": 0.1}),
        "D": (b"D\x02" + struct.pack(">i", 150), {"$dec": "1.50"}),
        "S": (long_string, "Zürich"),
        "S8": (string(b"\xff"), {"$s64": "/w=="}),
        "x": (b"x" + struct.pack(">I", 2) + b"\x00\x01", {"$b64": "AAE="}),
        "T": (b"T" + struct.pack(">Q", 0), {"$ts": "1970-01-01T00:00:00Z"}),
        "A": (b"A" + struct.pack(">I", 3) + b"t\x00V", [False, None]),
        "F": (b"F" + table((b"a", b"V"), (b"b", b"t\x01")), {"a": None, "b": True}),
        "V": (b"V", None),
    }
    headers = table(*((key.encode(), octets) for key, (octets, _) in fields.items()))
    with devbroker.channel("user") as channel:
        publish_raw(channel.connection, f"{name}.x", "", with_headers(headers, b"id"), b"x")
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "-n", "1", "-j"])
    assert (done.status, done.stderr) == (0, "")
    [row] = rows(done)
    expected = {key: value for key, (_, value) in fields.items()}
    assert json.dumps(row["headers"], sort_keys=True) == json.dumps(expected, sort_keys=True)
