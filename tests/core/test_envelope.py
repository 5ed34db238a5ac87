from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.fieldvalues import properties, short, tables

from diracmq_cli.core.envelope import MAX_LINE, decode, decode_delivery, encode
from diracmq_cli.core.message import MAX_BODY, Delivery, Message, Properties
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.values import FieldValue, OpaqueString, Table, Timestamp
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import DataError

DN = "/DC=org/DC=example/CN=Some User"
VERDICT = Verdict(level=OriginLevel.BROKER, dn=DN)


def delivered(message: Message, **fields: object) -> Delivery:
    values = {"service": "lhcb", "queue": "dirac.jobs", "exchange": "dirac.jobs.x", "delivery_tag": 1, **fields}
    return Delivery(message=message, **values)  # type: ignore[arg-type]


def round_trip(message: Message) -> Message:
    return decode(encode(delivered(message), VERDICT))


def envelope(**changes: object) -> str:
    """A small good envelope with keys replaced, or left out where the value is ``...``."""
    document = {"v": 1, "properties": {}, "headers": {}, "body": "b", **changes}
    return json.dumps({key: value for key, value in document.items() if value is not ...})


def test_it_looks_as_the_design_says() -> None:
    """The documented example, octet for octet."""
    message = Message(
        body=b"payload started",
        properties=Properties(
            message_id="01939f",
            timestamp=1_795_485_483,
            content_type="text/plain",
            delivery_mode=2,
            user_id=DN,
        ),
        headers={"dirac-dn": DN, "dirac-host": "wn17.example.org"},
    )
    assert encode(delivered(message), VERDICT) == (
        '{"v":1,"service":"lhcb","queue":"dirac.jobs","exchange":"dirac.jobs.x","routing_key":"","redelivered":false,'
        '"delivery_count":0,"properties":{"message_id":"01939f","timestamp":"2026-11-24T01:58:03Z",'
        '"content_type":"text/plain","delivery_mode":2,"user_id":"/DC=org/DC=example/CN=Some User"},'
        '"headers":{"dirac-dn":"/DC=org/DC=example/CN=Some User","dirac-host":"wn17.example.org"},'
        '"origin":{"level":"broker","dn":"/DC=org/DC=example/CN=Some User"},"body":"payload started"}'
    )


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode), properties, tables, short)
def test_what_is_written_is_read_again_exactly(body: bytes, given_: Properties, headers: Table, key: object) -> None:
    """Any message comes back with its types, scales and octets, less the old stamp; the line is harmless UTF-8."""
    message = Message(body=body, properties=given_, headers=headers, routing_key=key)  # type: ignore[arg-type]
    line = encode(delivered(message), VERDICT)
    kept = {name: value for name, value in headers.items() if not name.startswith(("dirac-", "x-"))}
    expected = replace(message, properties=replace(given_, user_id=None), headers=kept)
    assert repr(decode(line)) == repr(expected)
    assert repr(decode(line.encode() + b"\n")) == repr(expected)
    assert line.splitlines() == [line]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "null"),
        (True, "true"),
        (7, "7"),
        (2**53, "9007199254740992"),
        (2**53 + 1, '{"$int":"9007199254740993"}'),
        (-(2**53) - 1, '{"$int":"-9007199254740993"}'),
        (1.0, '{"$f64":1.0}'),
        (-0.0, '{"$f64":"-0.0"}'),
        (float("nan"), '{"$f64":"nan"}'),
        (float("-inf"), '{"$f64":"-inf"}'),
        (Decimal("1.50"), '{"$dec":"1.50"}'),
        (Decimal("1E-255"), '{"$dec":"1E-255"}'),
        (Timestamp(0), '{"$ts":"1970-01-01T00:00:00Z"}'),
        (Timestamp(253_402_300_799), '{"$ts":"9999-12-31T23:59:59Z"}'),
        (Timestamp(2**64 - 1), '{"$ts":"18446744073709551615"}'),
        (b"\0\1", '{"$b64":"AAE="}'),
        (OpaqueString(b"\xff"), '{"$s64":"/w=="}'),
        ([1, [2]], "[1,[2]]"),
        ({"a": 1, "$ts": 2}, '{"a":1,"$ts":2}'),
        ({"$ts": 2}, '{"$table":{"$ts":2}}'),
        ({"$table": {"$b64": ""}}, '{"$table":{"$table":{"$table":{"$b64":""}}}}'),
        ({}, "{}"),
    ],
)
def test_each_value_has_one_form(value: FieldValue, written: str) -> None:
    """The JSON of each kind of value, which reads back as the same kind."""
    line = encode(delivered(Message(body=b"", headers={"h": value})), VERDICT)
    assert f'"headers":{{"h":{written}}}' in line
    assert repr(decode(line).headers) == repr({"h": value})


@pytest.mark.parametrize(
    ("written", "value"),
    [("0.5", 0.5), ("1.0", 1.0), ('{"$f64":1}', 1.0), ('{"$f64":"-0.0"}', -0.0), ('{"$ts":"0"}', Timestamp(0))],
)
def test_other_writers_forms_are_read_too(written: str, value: FieldValue) -> None:
    """A bare float is a double; jq makes 1.0 inside the tag an integer, which is still a double."""
    assert repr(decode(f'{{"v":1,"headers":{{"h":{written}}},"body":""}}').headers) == repr({"h": value})


def test_a_header_named_like_a_tag_is_a_header() -> None:
    """The header table itself is never taken for a tagged value."""
    assert round_trip(Message(body=b"", headers={"$ts": "x"})).headers == {"$ts": "x"}


@pytest.mark.parametrize(
    ("verdict", "origin"),
    [
        (VERDICT, {"level": "broker", "dn": DN}),
        (Verdict(level=OriginLevel.BROKER, user="robot"), {"level": "broker", "user": "robot"}),
        (Verdict(level=OriginLevel.CLAIMED, dn=DN), {"level": "claimed", "dn": DN}),
        (Verdict(level=OriginLevel.CLAIMED), {"level": "claimed"}),
        (Verdict(level=None, reason="rerouted: x"), {"level": None, "reason": "rerouted: x"}),
        (Verdict(level=None, reason="x", code="rerouted"), {"level": None, "reason": "x", "code": "rerouted"}),
    ],
)
def test_the_origin_is_what_was_judged(verdict: Verdict, origin: dict) -> None:
    """Each kind of verdict has its own origin object."""
    assert json.loads(encode(delivered(Message(body=b"")), verdict))["origin"] == origin


def test_what_only_readers_know_is_written() -> None:
    """Redelivery and delivery count come from the delivery; a defect brings the header table's octets."""
    message = Message(body=b"\xff", headers={"x-delivery-count": 3})
    document = json.loads(encode(delivered(message, redelivered=True), VERDICT))
    assert (document["redelivered"], document["delivery_count"]) == (True, 3)
    assert (document["body_b64"], "body" in document) == ("/w==", False)
    broken = json.loads(encode(delivered(Message(body=b""), defect="cut short", raw_headers=b"\0\1"), VERDICT))
    assert (broken["defect"], broken["headers_b64"]) == ("cut short", "AAE=")


HOSTILE = "\x00\x07\x1b[31m\x7f\x85\x9b\u061c\u200e\u200f\u202a\u202e\u2066\u2069\u2028\u2029"


def test_a_line_is_harmless_to_terminals_and_line_readers() -> None:
    """Controls, direction marks and line separators are escapes, wherever they stand, and read back as they were."""
    message = Message(
        body=HOSTILE.encode(),
        properties=Properties(type=HOSTILE, message_id="é"),
        headers={HOSTILE: HOSTILE},
        routing_key=HOSTILE,
    )
    line = encode(delivered(message, exchange=HOSTILE), Verdict(level=None, reason=HOSTILE))
    assert not set(HOSTILE) - set("[31m") & set(line)
    assert "é" in line
    assert decode(line) == message


def test_old_stamps_and_readers_fields_are_ignored() -> None:
    """Whatever stands in them, they do not get into the message; message_id, app_id and the routing key do."""
    line = envelope(
        service=1,
        queue=None,
        exchange=[],
        redelivered="x",
        delivery_count=-1,
        origin=True,
        tomorrow={"new": 1},
        routing_key="a.b",
        properties={"user_id": 7, "message_id": "m", "app_id": "a"},
        headers={"dirac-dn": {"$bad": 1}, "x-death": 10**30, "X-mine": 1, "diracs": 2},
    )
    assert decode(line) == Message(
        body=b"b",
        properties=Properties(message_id="m", app_id="a"),
        headers={"X-mine": 1, "diracs": 2},
        routing_key="a.b",
    )


def test_properties_and_headers_may_be_left_out() -> None:
    """The smallest envelope is a version and a body."""
    assert decode('{"v":1,"body_b64":"/w=="}') == Message(body=b"\xff")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (envelope(v=2), "v must be 1"),
        (envelope(v=True), "v must be 1"),
        (envelope(v=1.0), "v must be 1"),
        (envelope(v="1"), "v must be 1"),
        (envelope(v=...), 'no "v":1'),
        (envelope(body=...), "exactly one of body and body_b64"),
        (envelope(body=..., bdoy="x"), "exactly one of body and body_b64"),
        (envelope(body_b64=""), "exactly one of body and body_b64"),
        (envelope(body=1), "body must be a string"),
        (envelope(body=None), "body must be a string"),
        (envelope(body="\ud800"), "body.*surrogate"),
        (envelope(body=..., body_b64="A"), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="AAE"), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="AAF="), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="AA E="), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="AAE=\n"), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="__8="), "body_b64 is not canonical"),
        (envelope(body=..., body_b64="é"), "body_b64 is not canonical"),
        (envelope(body=..., body_b64=[]), "body_b64 is not canonical"),
        (envelope(defect="cut short"), "defect"),
        (envelope(headers_b64=""), "headers_b64"),
        (envelope(routing_key=1), "routing_key must be a string"),
        (envelope(routing_key={"$b64": ""}), "routing_key must be a string"),
        (envelope(properties=[]), "properties must be an object"),
        (envelope(properties={"content_typ": "x"}), "properties.content_typ"),
        (envelope(properties={"priority": "1"}), "properties.priority must be an integer"),
        (envelope(properties={"priority": True}), "properties.priority must be an integer"),
        (envelope(properties={"priority": 1.0}), "properties.priority must be an integer"),
        (envelope(properties={"priority": 256}), "properties.priority must be an integer"),
        (envelope(properties={"delivery_mode": 0}), "properties.delivery_mode must be an integer from 1 to 2"),
        (envelope(properties={"timestamp": 1}), "properties.timestamp must be a time"),
        (envelope(properties={"timestamp": "2026-11-24 01:58:03"}), "properties.timestamp must be a time"),
        (envelope(properties={"timestamp": "2026-13-24T01:58:03Z"}), "properties.timestamp must be a time"),
        (envelope(properties={"timestamp": "1969-12-31T23:59:59Z"}), "properties.timestamp must be a time"),
        (envelope(properties={"timestamp": "18446744073709551616"}), "properties.timestamp must be a time"),
        (envelope(properties={"message_id": None}), "properties.message_id must be a string"),
        (envelope(headers=None), "headers must be an object"),
        (envelope(headers={"h": {"$int": 1}}), r"headers\.h\.\$int must be"),
        (envelope(headers={"h": {"$int": "9223372036854775808"}}), r"headers\.h\.\$int must be"),
        (envelope(headers={"h": {"$int": "1_0"}}), r"headers\.h\.\$int must be"),
        (envelope(headers={"h": {"$int": "٣"}}), r"headers\.h\.\$int must be"),
        (envelope(headers={"h": 2**53 + 1}), r"headers\.h is an integer beyond 2\*\*53"),
        (envelope(headers={"h": {"$f64": "1.5"}}), r"headers\.h\.\$f64 must be"),
        (envelope(headers={"h": {"$f64": True}}), r"headers\.h\.\$f64 must be"),
        (envelope(headers={"h": {"$f64": 10**400}}), r"headers\.h is a number too large"),
        (envelope(headers={"h": {"$dec": 1.5}}), r"headers\.h\.\$dec must be"),
        (envelope(headers={"h": {"$dec": "NaN"}}), r"headers\.h\.\$dec must be"),
        (envelope(headers={"h": {"$dec": "1E+3"}}), r"headers\.h holds a decimal"),
        (envelope(headers={"h": {"$dec": "1E-999"}}), r"headers\.h holds a decimal"),
        (envelope(headers={"h": {"$ts": 1}}), r"headers\.h must be a time"),
        (envelope(headers={"h": {"$b64": "A"}}), r"headers\.h is not canonical"),
        (envelope(headers={"h": {"$s64": "QQ=="}}), r"headers\.h is UTF-8"),
        (envelope(headers={"h": {"$new": 1}}), r"headers\.h has an unknown tag '\$new'"),
        (envelope(headers={"h": {"$table": 1}}), r"headers\.h\.\$table must be an object"),
        (envelope(headers={"h": {"i": [{"$int": ""}]}}), r"headers\.h\.i\.\$int must be"),
        (envelope(headers={"\ud800": 1}), "headers holds a lone surrogate"),
        (envelope(headers={"\x1b[2J\u202e": {"$new": 1}}), r"headers\.'\\x1b\[2J\\u202e' has an unknown tag"),
        (envelope(properties={"\n": ""}), r"properties\.'\\n' is no property"),
        (envelope(headers={"h": "\udc00"}), "headers.h.*surrogate"),
        ('{"v":1,"headers":{"h":1e400},"body":""}', r"headers\.h is a number too large"),
        ('{"v":1,"headers":{"h":NaN},"body":""}', "NaN is not JSON"),
        ('{"v":1,"headers":{"h":-Infinity},"body":""}', "-Infinity is not JSON"),
        ('{"v":1,"body":"a","body":"b"}', "'body' is there twice"),
        ('{"v":1,"headers":{"h":{"k":1,"k":1}},"body":""}', "'k' is there twice"),
        ('{"v":1,"body":"a\tb"}', "not JSON"),
        ('{"v":1,"body":"a"} x', "not JSON"),
        ('{"v":1,"body":"a"}{"v":1,"body":"b"}', "not JSON"),
        ("", "not JSON"),
        ("[]", "must be an object"),
        ("1", "must be an object"),
        ('\ufeff{"v":1,"body":""}', "not JSON"),
        (b'{"v":1,"body":"\xff"}', "not UTF-8"),
        ('{"v":1,"body":""}'.encode("utf-16"), "not UTF-8"),
        ('{"v":1,"n":' + "1" * 5000 + ',"body":""}', "number that is too long"),
        ("[" * 100_000, "nested too deep"),
        ('{"v":1,"headers":{"h":' + "[" * 65 + "]" * 65 + '},"body":""}', r"headers\.h is nested deeper than 64"),
    ],
)
def test_what_is_not_an_envelope_is_refused_by_name(line: str | bytes, reason: str) -> None:
    """Each kind of bad envelope is a DataError whose message names the key."""
    with pytest.raises(DataError, match=reason) as caught:
        decode(line)
    assert "\n" not in str(caught.value)
    assert str(caught.value).isprintable()


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_line_is_a_message_or_a_data_error(line: str | bytes) -> None:
    """Text and octets at random, alone or inside an envelope, never raise anything else."""
    text = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
    for candidate in (line, '{"v":1,"headers":{"h":' + text + '},"body":""}'):
        try:
            decode(candidate)
        except DataError:
            continue
        assert json.loads(candidate)["v"] == 1


def test_bodies_up_to_the_limit_pass() -> None:
    """The largest body passes in each of its forms, the worst of which is six octets for one; more is refused."""
    for body in (b"\0" * MAX_BODY, b"\xff" * MAX_BODY):
        assert round_trip(Message(body=body)).body == body
    with pytest.raises(DataError, match="body has 16777217 octets"):
        decode(envelope(body="x" * (MAX_BODY + 1)))
    with pytest.raises(DataError, match="body has 16777217 octets"):
        decode(envelope(body=..., body_b64=b64encode(b"\xff" * (MAX_BODY + 1)).decode()))
    with pytest.raises(DataError, match=re.escape(f"more than {MAX_LINE}")):
        decode(b" " * (MAX_LINE + 1))


def test_the_deepest_header_passes() -> None:
    """What the field table may nest, the envelope may nest too, even where every level needs a tag."""
    value: FieldValue = 1
    for _ in range(64):
        value = {"$t": value}
    assert repr(round_trip(Message(body=b"", headers={"h": value})).headers) == repr({"h": value})


def test_a_saved_envelope_is_the_delivery_that_was_read() -> None:
    """Read as a delivery, an envelope keeps stamp, login and the broker's headers, so that it can be judged again."""
    headers: Table = {"dirac-dn": "/CN=x", "dirac-stamp": "a.b.c", "x-death": [{"queue": "demo.jobs"}], "n": 1.0}
    message = Message(body=b"\xff", properties=Properties(user_id="/CN=x"), headers=headers, routing_key="k")
    delivery = Delivery(
        message=message, service="dev", queue="demo.dead", exchange="e", delivery_tag=0, redelivered=True
    )

    assert decode_delivery(encode(delivery, Verdict(level=None))) == delivery


@pytest.mark.parametrize(
    "changes", [{"service": 1}, {"queue": None}, {"exchange": None}, {"defect": 1}, {"v": 2}, {"headers": []}]
)
def test_an_envelope_that_does_not_say_where_it_was_read(changes: dict) -> None:
    """What cannot be judged again is a DataError."""
    with pytest.raises(DataError):
        decode_delivery(envelope(**{"service": "dev", "queue": "q", "exchange": "q.x", **changes}))
