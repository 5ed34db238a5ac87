"""What a spool file of format 1 holds: written by one version, read by every later one."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

from support.spool import JANE, label, open_spool

from diracmq_cli.core.message import Message, Properties
from diracmq_cli.core.spool import Gap, SpoolEntry
from diracmq_cli.core.values import OpaqueString, Timestamp

DATA = Path(__file__).parent / "data" / "format-1"
"""Two segments: a gap of 12 entries, and these messages, of which the second was confirmed. Never written anew."""

MESSAGES = [
    Message(
        body=b"payload started\n",
        routing_key="job.42",
        properties=Properties(
            content_type="text/plain",
            content_encoding="utf-8",
            delivery_mode=2,
            priority=7,
            correlation_id="c",
            reply_to="r",
            expiration="60000",
            message_id="01939f2a-5b3c-7d1e-8f00-123456789abc",
            timestamp=1_700_000_000,
            type="log",
            user_id=JANE.login,
            app_id="dirac-mq/0.1.0",
        ),
        headers={"dirac-dn": JANE.login, "dirac-host": "wn17.example.org"},
    ),
    Message(body=b"confirmed", properties=Properties(message_id="confirmed")),
    Message(
        body=bytes(range(256)),
        routing_key=OpaqueString(b"\xff"),
        properties=Properties(message_id=OpaqueString(b"\xfe"), timestamp=2**64 - 1),
        headers={
            "void": None,
            "bool": True,
            "int": -(2**63),
            "float": 0.75,
            "decimal": Decimal("-1.50"),
            "text": "Ü",
            "opaque": OpaqueString(b"\xff"),
            "bytes": b"\0\xff",
            "time": Timestamp(2**64 - 1),
            "array": [1, "two", [3.0], {"four": None}],
            "table": {"a": {"b": False}},
        },
    ),
]


def test_format_1_is_read(tmp_path: Path) -> None:
    """Every property and header type comes back exactly; what was confirmed does not, and the gap still counts."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    for file in DATA.iterdir():
        shutil.copy(file, path)
    gap, *entries = spool.survey()
    assert isinstance(gap, Gap)
    assert (gap.entries, gap.label) == (12, label())
    assert [entry.message for entry in entries if isinstance(entry, SpoolEntry)] == [MESSAGES[0], MESSAGES[2]]
    assert [item.label for item in entries if isinstance(item, SpoolEntry)] == [label(), label()]


def test_what_is_written_now_is_format_1(tmp_path: Path) -> None:
    """The same messages make the same records: whoever changes the format has to raise its version."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(MESSAGES)
    (now,) = path.glob("*.seg")
    before = sorted(DATA.iterdir())[1]
    assert now.read_bytes().split(b" ")[:2] == before.read_bytes().split(b" ")[:2] == [b"dirac-mq-spool", b"1"]
    assert _payloads(now) == _payloads(before)


def _payloads(file: Path) -> list[bytes]:
    """The payloads of a segment, read without the product's code."""
    octets = file.read_bytes()
    at, found = octets.index(b"\n") + 1, []
    while at < len(octets):
        length = int.from_bytes(octets[at + 9 : at + 13], "big")
        found.append(octets[at + 22 : at + 22 + length])
        at += 22 + length
    return found
