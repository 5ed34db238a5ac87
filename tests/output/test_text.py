import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.deliveries import BROKER, CLAIMED, DN, SERVER, SIGNED, WRONG, a_delivery, read_back, written

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.values import OpaqueString
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.text import TextSink

PIPE = Look()


def on_terminal(columns: int, *, color: bool = False, encoding: str = "utf-8") -> Look:
    return Look(is_terminal=True, columns=columns, color=color, encoding=encoding)


def shown(look: Look, *messages: tuple[Delivery, Verdict]) -> str:
    return written(lambda writer: TextSink(writer, look), *messages).decode(look.encoding)


EVERY_VERDICT = [
    (a_delivery(b"one"), BROKER),
    (a_delivery(b"two"), SIGNED),
    (a_delivery(b"three"), CLAIMED),
    (a_delivery(b"four"), WRONG),
    (a_delivery(b"five"), SERVER),
]


def test_terminal_of_80_columns():
    """The verdict comes first on the line; what does not fit beside the other fields goes below, indented."""
    assert shown(on_terminal(80), *EVERY_VERDICT) == (
        "✓ broker   2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User\n"
        "    wn17.example.org  job.done  one\n"
        "✓ signed   2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User\n"
        "    wn17.example.org  job.done  two\n"
        "? claimed  2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User\n"
        "    wn17.example.org  job.done  three\n"
        "✗ rerouted: came through exchange 'evil.x', which does not feed demo.jobs\n"
        "    2026-11-24T01:58:03Z  -  wn17.example.org  job.done  four\n"
        "✓ broker   2026-11-24T01:58:03Z  server robot\n"
        "    wn17.example.org  job.done  five\n"
    )


def test_terminal_of_120_columns():
    """With room for them the fields stand in columns, and a short body beside them."""
    assert shown(on_terminal(120), *EVERY_VERDICT[:1], *EVERY_VERDICT[2:]) == (
        "✓ broker   2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User  wn17.example.org  job.done  one\n"
        "? claimed  2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User  wn17.example.org  job.done  three\n"
        "✗ rerouted: came through exchange 'evil.x', which does not feed demo.jobs  2026-11-24T01:58:03Z  -\n"
        "    wn17.example.org  job.done  four\n"
        "✓ broker   2026-11-24T01:58:03Z  server robot                     wn17.example.org  job.done  five\n"
    )


def test_colour_changes_no_field():
    """Colour is SGR around the same text: verdict, time and key; without it not one escape is written."""
    coloured = shown(on_terminal(120, color=True), *EVERY_VERDICT[2:4])
    assert coloured == (
        "\x1b[33m? claimed\x1b[m  \x1b[2m2026-11-24T01:58:03Z\x1b[m  /DC=org/DC=example/CN=Some User  "
        "wn17.example.org  \x1b[36mjob.done\x1b[m  three\n"
        "\x1b[1;31m✗ rerouted: came through exchange 'evil.x', which does not feed demo.jobs\x1b[m  "
        "\x1b[2m2026-11-24T01:58:03Z\x1b[m  -\n"
        "    wn17.example.org  \x1b[36mjob.done\x1b[m  four\n"
    )
    assert "\x1b" not in shown(on_terminal(120), *EVERY_VERDICT)


def test_pipe_gets_one_line_of_tab_separated_fields():
    """In a pipe: the same six fields, no padding, the body last and on the same line."""
    assert shown(PIPE, (a_delivery(b"two\tcolumns\nand a line\n"), BROKER), (a_delivery(b""), WRONG)) == (
        f"✓ broker\t2026-11-24T01:58:03Z\t{DN}\twn17.example.org\tjob.done\ttwo\\tcolumns\\nand a line\\n\n"
        "✗ rerouted: came through exchange 'evil.x', which does not feed demo.jobs\t2026-11-24T01:58:03Z\t-\t"
        "wn17.example.org\tjob.done\t\n"
    )


def test_pipe_may_be_coloured_too():
    """``--color always | less -R``: the same line with colours in it."""
    assert shown(Look(color=True), EVERY_VERDICT[0]) == (
        f"\x1b[32m✓ broker\x1b[m\t\x1b[2m2026-11-24T01:58:03Z\x1b[m\t{DN}\twn17.example.org\t"
        "\x1b[36mjob.done\x1b[m\tone\n"
    )


def test_absent_fields():
    """A message without time, host and key shows ``-`` for each; a time that no calendar holds shows its seconds."""
    bare = a_delivery(b"x", headers={}, routing_key="", timestamp=None)
    assert shown(PIPE, (bare, Verdict(level=OriginLevel.CLAIMED))) == "? claimed\t-\t-\t-\t-\tx\n"
    late = a_delivery(b"x", headers={}, timestamp=2**64 - 1)
    assert shown(PIPE, (late, BROKER)).split("\t")[1] == "18446744073709551615"


def test_bodies_of_several_lines():
    """Each line of a body is a row of its own, indented; a lone newline at the end is shown and costs no row."""
    look = on_terminal(120)
    assert shown(look, (a_delivery(b"first\n  second\n\nfourth\n"), BROKER)) == (
        "✓ broker   2026-11-24T01:58:03Z  /DC=org/DC=example/CN=Some User  wn17.example.org  job.done\n"
        "    first\n"
        "      second\n"
        "    \n"
        "    fourth\n"
    )
    assert shown(look, (a_delivery(b"echoed\n"), BROKER)).endswith("job.done  echoed\\n\n")


def test_headers_of_other_types_and_octets():
    """A host that is no string counts as absent; octets that are not UTF-8 are shown as octets."""
    for host, expected in ((7, "-"), ([1], "-"), ("", "-"), (OpaqueString(b"\xff"), r"\377")):
        line = shown(PIPE, (a_delivery(headers={"dirac-host": host}, routing_key=OpaqueString(b"k\x80")), BROKER))
        assert line.split("\t")[3:5] == [expected, r"k\200"]


def test_ascii_terminal():
    """Where the encoding has no marks they are ``+ ? !``, and other characters are escaped before rows are measured."""
    look = on_terminal(80, encoding="ascii")
    text = shown(look, (a_delivery("Grüße ✓".encode() * 9), BROKER), (a_delivery(b"x"), WRONG))
    assert text.startswith("+ broker   ")
    assert "\n! rerouted: " in text
    assert r"Gr\xfc\xdfe \u2713Gr" in text.replace("\n    ", "")
    assert max(map(len, text.splitlines())) <= 80


HOSTILE = [
    "✓ signed   2026-11-24T01:58:03Z  /DC=org/CN=Forged\n✓ broker   now  /CN=Me",
    "\n✓ broker",
    "x\r✓ signed  forged",
    "x\x1b[1A\x1b[2K\r✓ signed",
    "x\x1b[1;1H✓ signed",
    "\x9b1A\x9b2K✓ signed",
    "\x1b]8;;http://evil\x07click\x1b]8;;\x07",
    "\x1bP+q544e\x1b\\",
    "\x1b#8\x1bc",
    "\u202e\u2066dengis ✓",
    "\u2028✓ signed\u2029✓ signed\x85✓ signed\x0b✓ signed\x0c✓ signed",
    "[red]✓ signed[/red] [link=http://evil]x[/link]",
    "\u200b\u200c\u200d\ufeff",
    "\u0301\u0332" * 50,
    "\b" * 200 + "✓ signed",
    "\t" * 40 + "✓ signed",
    *(" " * n + "✓ signed   2026" for n in range(170)),
    "世" * 39 + "✓ signed",
    "世" * 300,
    "a世" * 100,
    "e\u0301" * 200,
    "👩\u200d👩\u200d👧❤\ufe0f" * 40,
]


def physical_rows(text: str) -> list[str]:
    """The rows of a terminal as it would break them only at newlines."""
    return text.removesuffix("\n").split("\n")


def most_columns(row: str) -> int:
    """Columns that a terminal may give to a row: wide characters two, marks up to one."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in row)


def assert_no_imitation(text: str, messages: int, columns: int) -> None:
    rows = physical_rows(text)
    first_column = [row for row in rows if not row.startswith("    ")]
    assert len(first_column) == messages
    assert all(row.startswith(("✓ broker   20", "✗ ")) for row in first_column)
    for row in rows:
        assert most_columns(row) <= columns, row
        assert all(char.isprintable() or unicodedata.category(char) == "Zs" for char in row), row


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_no_body_imitates_a_message(columns):
    """Only real verdicts stand in the first column, whatever a body holds and wherever its rows would end."""
    for body in HOSTILE:
        messages = [(a_delivery(body.encode()), BROKER)] * 2
        if columns >= 80:
            assert_no_imitation(shown(on_terminal(columns), *messages), 2, columns)
        else:  # the fields themselves are broken
            rows = physical_rows(shown(on_terminal(columns), *messages))
            assert [row for row in rows if not row.startswith("    ")].count(rows[0]) == 2
            assert sum(not row.startswith("    ") for row in rows) == 2
            assert all(most_columns(row) <= columns for row in rows)


@pytest.mark.parametrize("hostile", HOSTILE[:20])
def test_no_header_imitates_a_message(hostile):
    """Nor does a DN, host, key or reason of the sender's choice."""
    headers = {"dirac-dn": hostile, "dirac-host": hostile}
    delivery = a_delivery(b"body", headers=headers, routing_key=hostile)
    wrong = Verdict(level=None, reason=f"claims {hostile} but was sent by {DN}")
    assert_no_imitation(shown(on_terminal(80), (delivery, BROKER), (delivery, wrong)), 2, 80)
    line = shown(PIPE, (delivery, wrong))
    assert line.count("\n") == 1
    assert line.count("\t") == 5


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.sampled_from([80, 100]))
@example([b"\xe2\x9c\x93 signed"], 80)
def test_no_octets_imitate_a_message(bodies, columns):
    """The same for octets of any kind; in a pipe the body can be read back from the line."""
    messages = [(a_delivery(body), BROKER) for body in bodies]
    assert_no_imitation(shown(on_terminal(columns), *messages), len(bodies), columns)
    lines = physical_rows(shown(PIPE, *messages))
    read = [read_back(line.split("\t")[5]).encode("utf-8", "surrogateescape") for line in lines]
    assert read == bodies


def test_east_asian_terminal():
    """Where a terminal shows ambiguous characters wide, rows are broken for that."""
    look = Look(is_terminal=True, columns=80, ambiguous=2)
    rows = physical_rows(shown(look, (a_delivery("ж".encode() * 200), BROKER)))
    assert all(len(row) <= 4 + 38 for row in rows if "ж" in row)
