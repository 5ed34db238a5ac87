from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.deliveries import BROKER, CLAIMED, DN, SERVER, SIGNED, WRONG, a_delivery

from diracmq_cli.core.message import Settlement
from diracmq_cli.core.values import OpaqueString, Timestamp
from diracmq_cli.output.child import Launcher
from diracmq_cli.output.childenv import MAX_TOGETHER, MAX_VALUE, message_environment, without_message


def variables(delivery, verdict=BROKER):
    return message_environment(delivery, verdict)


def test_a_proved_message():
    """All that is known of a message, under the names of the protocol."""
    assert variables(a_delivery()) == {
        b"DIRAC_MQ_DN": DN.encode(),
        b"DIRAC_MQ_ORIGIN": b"broker",
        b"DIRAC_MQ_ID": b"0193f1c2-7a10-7000-8000-0000000000aa",
        b"DIRAC_MQ_QUEUE": b"demo.jobs",
        b"DIRAC_MQ_ROUTING_KEY": b"job.done",
        b"DIRAC_MQ_HEADER_DIRAC_DN": DN.encode(),
        b"DIRAC_MQ_HEADER_DIRAC_HOST": b"wn17.example.org",
    }


@pytest.mark.parametrize(
    ("verdict", "name", "origin"),
    [
        (BROKER, b"DIRAC_MQ_DN", b"broker"),
        (SIGNED, b"DIRAC_MQ_DN", b"signed"),
        (CLAIMED, b"DIRAC_MQ_CLAIMED_DN", b"claimed"),
        (WRONG, b"DIRAC_MQ_CLAIMED_DN", b""),
        (SERVER, None, b"broker"),
    ],
)
def test_a_dn_is_named_as_what_it_is(verdict, name, origin):
    """``DIRAC_MQ_DN`` only when proved, else ``DIRAC_MQ_CLAIMED_DN``; neither for a server's login."""
    found = variables(a_delivery(), verdict)
    assert {key for key in (b"DIRAC_MQ_DN", b"DIRAC_MQ_CLAIMED_DN") if key in found} == ({name} if name else set())
    assert found[b"DIRAC_MQ_ORIGIN"] == origin


def test_an_outer_message_is_forgotten():
    """A ``consume`` inside a ``consume`` does not hand on the outer message's DN; the settings stay."""
    outer = {
        b"DIRAC_MQ_DN": b"/CN=Outer",
        b"DIRAC_MQ_CLAIMED_DN": b"/CN=Outer",
        b"DIRAC_MQ_HEADER_X": b"1",
        b"DIRAC_MQ_TRUNCATED": b"1",
        b"DIRAC_MQ_BROKER": b"dev",
        b"DIRAC_MQ_CFG": b"a.cfg",
        b"HOME": b"/root",
    }
    assert without_message(outer) == {b"DIRAC_MQ_BROKER": b"dev", b"DIRAC_MQ_CFG": b"a.cfg", b"HOME": b"/root"}


@pytest.mark.parametrize(
    ("name", "mapped"),
    [
        ("job-id", b"JOB_ID"),
        ("X", b"X"),
        ("a.b=c d", b"A_B_C_D"),
        ("ıß\u017f", b"___"),
        ("BASH_FUNC_x%%", b"BASH_FUNC_X__"),
        ("\x00\n", b"__"),
        ("", b""),
    ],
)
def test_names(name, mapped):
    """A header's name is mapped to ``[A-Z0-9_]`` under our prefix, so it can become no other variable."""
    found = variables(a_delivery(headers={name: "v"}))
    assert found[b"DIRAC_MQ_HEADER_" + mapped] == b"v"
    assert len(found) == 6


def test_the_first_of_two_names_wins():
    """A later header cannot replace an earlier one by mapping to its name."""
    found = variables(a_delivery(headers={"a-b": "first", "A_B": "second", "a.b": "third"}))
    assert found[b"DIRAC_MQ_HEADER_A_B"] == b"first"
    assert b"DIRAC_MQ_TRUNCATED" not in found


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, b"true"),
        (2**63 - 1, b"9223372036854775807"),
        (Decimal("1.50"), b"1.50"),
        (float("nan"), b"nan"),
        (Timestamp(2**64 - 1), b"18446744073709551615"),
        (OpaqueString(b"\xff\x1b"), b"\xff\x1b"),
        (b"\xff", b"\xff"),
        (None, b""),
        ({"a": [1, "ü"]}, '{"a":[1,"ü"]}'.encode()),
    ],
)
def test_values_of_every_type(value, text):
    """What is no string is written as in the envelope; octets stay octets."""
    assert variables(a_delivery(headers={"h": value}))[b"DIRAC_MQ_HEADER_H"] == text


@pytest.mark.parametrize("value", ["a\x00b", b"\x00", "x" * (MAX_VALUE + 1), OpaqueString(b"\xff\x00")])
def test_what_does_not_fit_is_left_out(value):
    """A value with NUL or over 8 KiB is missing, the others are there, and the command is told."""
    found = variables(a_delivery(headers={"bad": value, "good": "x" * MAX_VALUE}))
    assert b"DIRAC_MQ_HEADER_BAD" not in found
    assert len(found[b"DIRAC_MQ_HEADER_GOOD"]) == MAX_VALUE
    assert found[b"DIRAC_MQ_TRUNCATED"] == b"1"


def test_all_together_are_bounded():
    """Beyond 64 KiB in all, headers are left out, those that come later and are small enough still fit."""
    found = variables(a_delivery(headers={**{f"h{n}": "x" * 8000 for n in range(12)}, "last": "here"}))
    assert sum(len(name) + len(value) + 2 for name, value in found.items()) <= MAX_TOGETHER + 22
    assert found[b"DIRAC_MQ_TRUNCATED"] == b"1"
    assert found[b"DIRAC_MQ_HEADER_LAST"] == b"here"
    assert b"DIRAC_MQ_HEADER_H7" in found


scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=40) | st.binary(max_size=40)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(max_size=20), values, max_size=8), st.text(max_size=30), st.text(max_size=30))
def test_no_header_keeps_a_command_from_starting(headers, routing_key, message_id):
    """Names, values, keys and ids of any kind: the command runs."""
    delivery = a_delivery(headers=headers, routing_key=routing_key, message_id=message_id)
    assert Launcher(["true"]).start(delivery, CLAIMED).result().settlement is Settlement.ACK
