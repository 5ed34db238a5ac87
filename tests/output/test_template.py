import base64

import pytest
from support.deliveries import BROKER, CLAIMED, DN, SERVER, WRONG, a_delivery, written

from diracmq_cli.core.envelope import encode
from diracmq_cli.core.values import OpaqueString, Timestamp
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import UsageError
from diracmq_cli.output.template import FIELDS, TemplateSink
from diracmq_cli.output.terminal import Look

PIPE = Look()


def filled(template, delivery=None, verdict=BROKER, look=PIPE):
    return written(lambda writer: TemplateSink(writer, template, look), (delivery or a_delivery(), verdict))


def test_the_documented_template():
    """The example of the help text."""
    assert filled(r"%{routing_key} %{header:dirac-dn} %{body}\n") == f"job.done {DN} payload started\n".encode()


@pytest.mark.parametrize("body", [b"", b"a\nb\x00\x1b[2J\xff\xfe", bytes(range(256))])
def test_a_pipe_gets_bodies_octet_for_octet(body):
    """``-F '%{body}\\0'`` is for scripts: nothing is escaped, added or removed."""
    assert filled(r"%{body}\0", a_delivery(body)) == body + b"\0"
    assert filled("%{body_b64}", a_delivery(body)) == base64.b64encode(body)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("%{service}/%{queue}/%{exchange}", b"dev/demo.jobs/demo.jobs.x"),
        ("%{message_id}", b"0193f1c2-7a10-7000-8000-0000000000aa"),
        ("%{timestamp} %{delivery_mode} %{priority}|", b"2026-11-24T01:58:03Z 2 |"),
        ("%{redelivered} %{delivery_count}", b"false 0"),
        ("%{origin} %{dn} %{user}|%{verdict}", f"broker {DN} |✓ broker".encode()),
        ("100%% \\t\\r\\\\ %{header:none}|", b"100% \t\r\\ |"),
        ("Grüße", "Grüße".encode()),
        ("\udcff", b"\xff"),
    ],
)
def test_fields(template, expected):
    """Properties, the delivery's own data and the verdict can be named; what is absent is empty."""
    assert filled(template) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, b""),
        (True, b"true"),
        (-5, b"-5"),
        (0.5, b"0.5"),
        ("ü", "ü".encode()),
        (b"\x00\xff", b"\x00\xff"),
        (OpaqueString(b"\xfe"), b"\xfe"),
        (Timestamp(0), b"1970-01-01T00:00:00Z"),
        (Timestamp(2**64 - 1), b"18446744073709551615"),
        ([1, {"a": None}], b'[1,{"a":null}]'),
    ],
)
def test_headers_of_every_type(value, expected):
    """A header of any type has a text: strings as they are, the rest as in the envelope."""
    assert filled("%{header:h}", a_delivery(headers={"h": value})) == expected


def test_verdicts():
    """The label, the server's name and the reason of what is wrong."""
    template = "%{verdict}|%{origin}|%{dn}|%{user}|%{reason}"
    assert filled(template, verdict=SERVER) == "✓ broker|broker||robot|".encode()
    assert filled(template, verdict=CLAIMED) == f"? claimed|claimed|{DN}||".encode()
    assert filled(template, verdict=WRONG) == f"✗ {WRONG.reason}||||{WRONG.reason}".encode()


def test_the_envelope():
    """``%{json}`` is the line that ``-j`` writes."""
    assert filled("%{json}").decode() == encode(a_delivery(), BROKER)


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("%{bdy}", "no field 'bdy'"),
        ("%{header:}", "no field 'header:'"),
        ("%{body", "'%{' at character 1"),
        ("5% of", "'% ' at character 2"),
        ("%", "'%' at character 1"),
        ("a\\q", r"'\\q' at character 2"),
        ("a\\", r"'\\' at character 2"),
    ],
)
def test_a_wrong_template_is_refused_before_anything_is_read(template, message):
    """An unknown field or escape is a usage error that says what there is."""
    with pytest.raises(UsageError) as caught:
        filled(template)
    assert message in str(caught.value)
    assert caught.value.hint
    if "field" in message:
        assert all(name in caught.value.hint for name in FIELDS)


def test_a_terminal_gets_values_made_visible():
    """On a terminal only the template's own line ends and tabs act; the JSON is left whole."""
    look = Look(is_terminal=True, columns=80)
    hostile = a_delivery(b"\x1b[2Ja\n\xff", headers={"h": "x\r\\"}, routing_key="")
    assert filled(r"%{body}|%{header:h}\n", hostile, look=look) == rb"\x1b[2Ja\n\377|x\r\\" + b"\n"
    assert filled(r"a\tb\n", look=look) == b"a       b\n"
    assert filled("%{json}", look=Look(is_terminal=True, columns=2000)).decode() == encode(a_delivery(), BROKER)
    wrong = Verdict(level=None, reason="a\x1bb")
    assert filled("%{verdict}", verdict=wrong, look=look) == r"✗ a\x1bb".encode()


def test_a_terminal_gets_long_rows_indented():
    """No body reaches the first column by being long; a template with its own escapes is left alone."""
    look = Look(is_terminal=True, columns=80)
    delivery = a_delivery(b" " * 71 + "✓ signed".encode())
    rows = filled(r"%{verdict} %{body}\nnext\n", delivery, look=look).decode().splitlines()
    assert rows == ["✓ broker" + " " * 72, "    ✓ signed", "next"]
    assert filled("\x1b[1m%{body}", delivery, look=look).count(b"\n") == 0


def test_plain_marks():
    """A terminal without the marks gets them in ASCII, from a template too."""
    look = Look(is_terminal=True, columns=80, encoding="ascii")
    assert filled("%{verdict}", look=look) == b"+ broker"
