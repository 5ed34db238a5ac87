import json

from support.deliveries import BROKER, WRONG, a_delivery, written

from diracmq_cli.core.envelope import decode, encode
from diracmq_cli.output.ndjson import NdjsonSink


def test_one_envelope_a_line():
    """Each line is the envelope, ended by one newline, in UTF-8."""
    first, second = a_delivery("Grüße\n".encode()), a_delivery(b"\xff\x00")
    octets = written(NdjsonSink, (first, BROKER), (second, WRONG))
    assert octets == f"{encode(first, BROKER)}\n{encode(second, WRONG)}\n".encode()
    assert [decode(line).body for line in octets.splitlines()] == ["Grüße\n".encode(), b"\xff\x00"]


def test_hostile_bodies_are_harmless_on_a_terminal():
    """C0, C1, DEL, bidi controls and line separators stand as JSON escapes; the value is the same."""
    body = "\x1b[2J\x9b1A\x7f\u202e\u2066\u2028\u2029\u0085"
    line = written(NdjsonSink, (a_delivery(body.encode()), BROKER))
    assert json.loads(line)["body"] == body
    assert line.removesuffix(b"\n").decode().isprintable()
