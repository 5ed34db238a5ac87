"""What a message says of its pilot: whose log, which lines; and ids that want to be other files."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.deliveries import a_delivery

from diracmq_cli.core.values import OpaqueString
from diracmq_cli.usecases.pilots import NoPilot, read_message
from diracmq_cli.usecases.pilots.message import ENDS, FIELDS
from diracmq_cli.usecases.pilots.names import current, is_log, rotated, stem

NOW = 1_795_485_600.0
SENT = "2026-11-24T01:58:03Z"
STATUS = ["p1", "2026-11-24 01:00:00", "wn17", "Install", "started", "DIRACOS 2.50\n"]


def _lines(body: bytes, **headers: object) -> list[str]:
    delivery = a_delivery(body, headers={"dirac-pilot": "p1", **headers})  # type: ignore[dict-item]
    return list(read_message(delivery, NOW).lines)


def test_a_line() -> None:
    """It bears the time at which it was sent; its own line end is no part of it."""
    assert _lines(b"payload started\n") == [f"{SENT} payload started"]
    assert _lines(b"") == [f"{SENT} "]


def test_a_message_without_a_time() -> None:
    """It is given that of its arrival; so is one that names a year that no calendar has."""
    for timestamp in (None, 2**64 - 1):
        delivery = a_delivery(b"x", headers={"dirac-pilot": "p1"}, timestamp=timestamp)
        assert read_message(delivery, NOW).lines == ("2026-11-24T02:00:00Z x",)


def test_several_lines() -> None:
    """A body is lines where its sender says so; else its line ends are shown, so that one message is one line."""
    assert _lines(b"a\nb\n\nc\n", **{"dirac-lines": 4}) == [f"{SENT} {text}" for text in ("a", "b", "", "c")]
    assert _lines(b"a\nb\n") == [f"{SENT} a\\nb"]


@pytest.mark.parametrize("body", [json.dumps(STATUS), json.dumps(dict(zip(FIELDS, STATUS, strict=True)))])
def test_six_fields(body: str) -> None:
    """A list, and the object that DIRAC's PilotLogger sent; the pilot's own time counts."""
    said = read_message(a_delivery(body.encode(), headers={}), NOW)
    assert (said.pilot, said.lines) == (
        "p1",
        ("2026-11-24T01:00:00Z [wn17 Install started] DIRACOS 2.50\\n",),
    )
    assert not said.finished


def test_six_fields_among_lines() -> None:
    """A batch of a wrapper's holds its status messages between the payload's lines."""
    body = f"before\n{json.dumps(STATUS)}\nafter\n".encode()
    shown = [f"{SENT} before", "2026-11-24T01:00:00Z [wn17 Install started] DIRACOS 2.50\\n", f"{SENT} after"]
    assert _lines(body, **{"dirac-lines": 3}) == shown


@pytest.mark.parametrize(
    ("timestamp", "shown"),
    [
        ("1795485483.7", SENT),
        ("2026-11-24T02:58:03+01:00", SENT),
        ("yesterday", SENT),
        ("nan", "2026-11-24T02:00:00Z"),
        ("9" * 400, "2026-11-24T02:00:00Z"),
    ],
)
def test_times_of_pilots(timestamp: str, shown: str) -> None:
    """Seconds or ISO 8601, any zone; what is neither gives way to the message's, what is no moment to the arrival's."""
    body = json.dumps(["p1", timestamp, *STATUS[2:]]).encode()
    assert read_message(a_delivery(body, headers={}), NOW).lines[0].startswith(f"{shown} ")


def test_the_header_names_the_pilot_first() -> None:
    """So that status messages and lines of one sender come into one log."""
    body = json.dumps(["other", *STATUS[1:]]).encode()
    assert read_message(a_delivery(body, headers={"dirac-pilot": "p1"}), NOW).pilot == "p1"


@pytest.mark.parametrize("status", [*sorted(ENDS), "Done", " FAILED "])
def test_the_end_of_a_pilot(status: str) -> None:
    """It is told by a status of phase ``pilot``."""
    body = json.dumps(["p1", "0", "wn17", "pilot", status, ""]).encode()
    assert read_message(a_delivery(body, headers={}), NOW).finished
    other = json.dumps(["p1", "0", "wn17", "payload", status, ""]).encode()
    assert not read_message(a_delivery(other, headers={}), NOW).finished


@pytest.mark.parametrize(
    "body", [b"{not json", b"[1]", b'["a","b"]', b"[" * 5000, json.dumps(["p", "0", "s", "p", "s", 7]).encode()]
)
def test_what_looks_like_six_fields_is_a_line(body: bytes) -> None:
    """A pilot may print what it likes."""
    assert _lines(body) == [f"{SENT} {body.decode()}"]
    with pytest.raises(NoPilot, match="names no pilot"):
        read_message(a_delivery(body, headers={}), NOW)


@pytest.mark.parametrize("pilot", ["", "  ", "x" * 256, "é" * 128, 7, OpaqueString(b"\xff"), ["p1"]])
def test_no_pilot(pilot: object) -> None:
    """An id is a text of 1 to 255 octets."""
    with pytest.raises(NoPilot):
        read_message(a_delivery(b"x", headers={"dirac-pilot": pilot}), NOW)  # type: ignore[dict-item]


def test_half_a_character_is_no_pilot() -> None:
    """JSON can write what has no octets."""
    body = json.dumps(["\ud800", *STATUS[1:]]).encode()
    with pytest.raises(NoPilot, match="no text"):
        read_message(a_delivery(body, headers={}), NOW)


@given(st.binary(), st.integers(0, 3))
def test_no_body_breaks_a_log(body: bytes, lines: int) -> None:
    """Whatever a body holds, a line is one line of harmless characters, and there are as many as there were."""
    headers = {"dirac-lines": lines} if lines else {}
    shown = _lines(body, **headers)
    assert len(shown) == (body.removesuffix(b"\n").count(b"\n") + 1 if lines else 1)
    assert all(line.startswith(f"{SENT} ") and line.isprintable() for line in shown if line.isascii())
    assert "\n" not in "".join(shown)
    "".join(shown).encode()


@given(st.lists(st.text(), min_size=6, max_size=6), st.booleans())
def test_no_status_breaks_a_log(fields: list[str], as_object: bool) -> None:
    """Nor does any of the six fields."""
    body = json.dumps(dict(zip(FIELDS, fields, strict=True)) if as_object else fields)
    [line] = read_message(a_delivery(body.encode(), headers={"dirac-pilot": "p1"}), NOW).lines
    assert re.match(r"[0-9]{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \[", line)
    assert "\n" not in line
    line.encode()


_IDS = st.text(min_size=1) | st.from_regex(r"[A-Za-z0-9._~/-]{1,130}", fullmatch=True)


@given(_IDS.filter(lambda text: text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)))
def test_a_file_stays_in_its_directory(pilot: str) -> None:
    """Whatever the id is, its file's name is one part of a path, short, and not hidden."""
    name = current(stem(pilot))
    assert os.fsencode(name) == name.encode("ascii")
    assert Path(name).name == name
    assert len(name) <= 110
    assert not name.startswith((".", "-"))
    assert is_log(name)
    assert is_log(rotated(stem(pilot), 7))


@given(_IDS, _IDS, st.integers(1, 99), st.integers(1, 99))
def test_no_two_pilots_share_a_file(one: str, other: str, first: int, second: int) -> None:
    """Nor do a current file and an older one."""
    files = {current(stem(one)), rotated(stem(one), first)}
    if one != other:
        assert not files & {current(stem(other)), rotated(stem(other), second)}


@pytest.mark.parametrize(
    ("one", "other"), [("a", "a.log"), ("a.log", "a.log.1"), ("a/b", "a_b"), ("a", "A"), ("é", "e\u0301"), ("..", "_")]
)
def test_pilots_that_look_alike(one: str, other: str) -> None:
    """Ids that are made to be confused are not."""
    assert current(stem(one)) != current(stem(other))
    assert {rotated(stem(one), n) for n in range(1, 5)}.isdisjoint({current(stem(other)), rotated(stem(other), 1)})
