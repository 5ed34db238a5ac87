"""What reaches a terminal of 80 columns when those who publish mean harm: nothing that acts, nothing that pretends."""

from __future__ import annotations

import re
import unicodedata

import pexpect
import pytest
from support.broker import SCRIPTS, Broker
from support.commands import publish
from support.queues import QueueFactory

SGR = re.compile(r"\x1b\[[0-9;]*m")
DN = "/DC=org/DC=example/OU=People/CN=Jane Doe"
BAD = {
    "escape sequences": b"\x1b[2J\x1b[31mred\x1b]0;title\x07\x1bc",
    "markup": b"[red]not red[/red] [link=x]y[/link]",
    "C1": "\x9b31mred\x90q\x9c".encode(),
    "C1 as octets": b"\x9b31mred",
    "bidi": "\u202eevil\u2066\u200f".encode(),
    "line separators": "a\u2028✓ broker\u2029✓ signed\x85x".encode(),
    "invalid UTF-8": b"\xff\xfe\xc0\xaf",
    "a carriage return": b"harmless\r\xe2\x9c\x93 broker  2026-11-24T00:00:00Z  " + DN.encode(),
    "a verdict on its own line": b"x\n\xe2\x9c\x93 broker  2026-11-24T00:00:00Z  "
    + DN.encode()
    + b"\n\xe2\x9c\x93 signed",
    "backspaces": b"x" + b"\b" * 200 + "✓ signed".encode(),
    "a verdict where the row would break": b"x" * 79 + "✓ broker ".encode() * 60,
    "wide letters": "界✓ broker".encode() * 40,
    "zero width": ("\u200b" * 90 + "✓ broker").encode(),
    "combining marks": ("a" + "\u0301" * 200).encode(),
}


def _on_terminal(broker: Broker, *argv: str, **environment: str) -> tuple[str, int]:
    """What a command writes to a terminal of 80 columns, and its exit status."""
    env = broker.env(**{"TERM": "xterm-256color", **environment})
    child = pexpect.spawn(
        str(SCRIPTS / argv[0]), list(argv[1:]), env=env, dimensions=(24, 80), encoding="utf-8", timeout=20
    )
    child.expect(pexpect.EOF)
    child.close()
    return child.before, child.exitstatus


def _acts(char: str) -> bool:
    """Whether a terminal, or a reader's eye, could be led astray by it."""
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def _columns(row: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in row)


@pytest.fixture
def hostile(devbroker: Broker, make_queue: QueueFactory) -> tuple[str, str]:
    """A queue in which each bad text is a body once, and once a header and the routing key; and its CFG."""
    name, cfg = make_queue()
    for text in BAD.values():
        publish(devbroker, name, text)
        shown = text.decode(errors="surrogateescape").encode("utf-8", "replace").decode()[:60]
        headers = {"dirac-host": shown, "dirac-dn": shown, "x-other": shown}
        publish(devbroker, name, "body", key=shown, headers=headers, content_type=shown)
    return name, str(cfg)


@pytest.mark.parametrize("color", ["auto", "never", "always"])
def test_harmless(devbroker: Broker, hostile: tuple[str, str], color: str) -> None:
    """Nothing but our own colours acts on the terminal; only a verdict of ours stands in a first column."""
    name, cfg = hostile
    count = 2 * len(BAD)
    shown, status = _on_terminal(devbroker, "dirac-mq-peek", name, "--cfg", cfg, "-n", str(count), "--color", color)
    assert status == 0
    assert bool(SGR.search(shown)) == (color != "never")
    lines = SGR.sub("", shown).split("\r\n")
    assert lines.pop() == ""
    assert not [char for line in lines for char in line if _acts(char)]
    assert max(map(_columns, lines)) <= 80
    firsts = [line for line in lines if not line.startswith(" ")]
    assert len(firsts) == count
    assert all(line.startswith("? claimed") for line in firsts), "no login was given, so nothing may look vouched for"


def test_the_same_bytes_take_their_form_in_a_pipe(devbroker: Broker, hostile: tuple[str, str]) -> None:
    """A pipe gets one line for each, as harmless, so that ``less`` and ``cat`` are safe."""
    name, cfg = hostile
    count = 2 * len(BAD)
    done = devbroker.command(["dirac-mq-peek", name, "--cfg", cfg, "-n", str(count)])
    assert (done.status, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == count == done.stdout.count("\n")
    assert all(len(line.split("\t")) == 6 for line in lines)
    assert not [char for line in lines for char in line.replace("\t", "") if _acts(char)]
    assert r"\x1b[2J\x1b[31mred\x1b]0;title\x07\x1bc" in done.stdout
    assert "[red]not red[/red]" in done.stdout


def test_json_on_a_terminal(devbroker: Broker, hostile: tuple[str, str]) -> None:
    """-j is the same octets as in a pipe, and these hold nothing that acts."""
    name, cfg = hostile
    argv = ["dirac-mq-peek", name, "--cfg", cfg, "-n", str(2 * len(BAD)), "-j"]
    shown, status = _on_terminal(devbroker, *argv)
    piped = devbroker.command(argv)
    assert status == piped.status == 0
    lines, expected = shown.split("\r\n"), piped.stdout.split("\n")
    assert [re.sub(r'"redelivered":\w+', "", line) for line in lines] == [
        re.sub(r'"redelivered":\w+', "", line) for line in expected
    ]
    assert not [char for line in lines for char in line if _acts(char) and char not in "\u200b"]


@pytest.mark.parametrize(
    ("flags", "environment", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": ""}, True),
        ([], {"TERM": "dumb"}, False),
        (["--color", "always"], {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (["--color", "never"], {}, False),
    ],
)
def test_colour(devbroker: Broker, flags: list[str], environment: dict[str, str], colored: bool) -> None:
    """Colour on a terminal that can, unless NO_COLOR says no; the flag wins over both."""
    shown, status = _on_terminal(devbroker, "dirac-mq-list", *flags, **environment)
    assert status == 0
    assert bool(SGR.search(shown)) == colored


def test_colour_in_a_pipe(devbroker: Broker) -> None:
    """None, unless it is asked for."""
    assert not SGR.search(devbroker.command(["dirac-mq-list"]).stdout)
    assert SGR.search(devbroker.command(["dirac-mq-list", "--color", "always"]).stdout)


def test_errors_are_harmless_too(devbroker: Broker) -> None:
    """What was typed comes back in an error with its escapes made visible."""
    done = devbroker.command(["dirac-mq-send", "q\x1b[31m\u202e", "-m", "x"])
    assert done.stdout == ""
    assert done.status in (2, 66)
    assert not [char for char in done.stderr.replace("\n", "") if _acts(char)]


def test_a_terminal_that_is_not_utf8(devbroker: Broker, make_queue: QueueFactory) -> None:
    """In the C locale the marks are + and !, and every other letter is an escape."""
    name, cfg = make_queue()
    devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "Zürich"])
    shown, status = _on_terminal(devbroker, "dirac-mq-peek", name, "--cfg", str(cfg), LANG="C", LC_ALL="C")
    assert status == 0
    text = SGR.sub("", shown)
    assert text.startswith("+ broker")
    assert text.isascii()
    assert "Z\\xfcrich" in text
