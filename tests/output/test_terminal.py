import os
import pty
import termios

import pytest

from diracmq_cli.output.terminal import ColorMode, Look, color_wanted, look_of

XTERM = {"TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("mode", "is_terminal", "environ", "wanted"),
    [
        (ColorMode.AUTO, True, XTERM, True),
        (ColorMode.AUTO, False, XTERM, False),
        (ColorMode.AUTO, True, {"TERM": "dumb"}, False),
        (ColorMode.AUTO, True, {}, False),
        (ColorMode.AUTO, True, {**XTERM, "NO_COLOR": "1"}, False),
        (ColorMode.AUTO, True, {**XTERM, "NO_COLOR": ""}, True),
        (ColorMode.ALWAYS, False, {"NO_COLOR": "1", "TERM": "dumb"}, True),
        (ColorMode.NEVER, True, XTERM, False),
    ],
)
def test_when_colour_is_wanted(mode, is_terminal, environ, wanted):
    """The flag wins; left alone, a capable terminal is coloured unless NO_COLOR says otherwise."""
    assert color_wanted(mode, is_terminal=is_terminal, environ=environ) is wanted


@pytest.fixture
def terminal():
    controller, fd = pty.openpty()
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
        yield stream
    os.close(controller)


@pytest.mark.parametrize(
    ("environ", "encoding", "ambiguous"),
    [
        ({"LANG": "en_GB.UTF-8"}, "utf-8", 1),
        ({"LANG": "C"}, "ascii", 1),
        ({}, "ascii", 1),
        ({"LANG": "en_GB.UTF-8", "LC_ALL": "POSIX"}, "ascii", 1),
        ({"LC_CTYPE": "C.UTF-8"}, "ascii", 1),
        ({"LANG": "C.UTF-8"}, "utf-8", 1),
        ({"LANG": "ja_JP.UTF-8"}, "utf-8", 2),
    ],
)
def test_what_a_terminal_can_show(terminal, environ, encoding, ambiguous):
    """In the C locale, asked for or by default, a terminal gets ASCII and plain marks."""
    look = look_of(terminal, ColorMode.AUTO, environ | XTERM)
    assert (look.is_terminal, look.color, look.encoding, look.ambiguous) == (True, True, encoding, ambiguous)
    assert look.plain_marks == (encoding == "ascii")


def test_a_pipe_is_no_terminal_and_keeps_its_encoding(tmp_path):
    """Scripts see the same octets in every locale that Python writes UTF-8 in."""
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        look = look_of(stream, ColorMode.AUTO, {"LANG": "C", **XTERM})
    assert (look.is_terminal, look.color, look.encoding) == (False, False, "utf-8")


def test_the_width_is_the_terminals_own(terminal):
    """It is asked for each time: windows change."""
    look = look_of(terminal, ColorMode.AUTO, XTERM)
    for columns in (97, 133):
        termios.tcsetwinsize(terminal.fileno(), (24, columns))
        assert look.width == columns
    assert Look(fd=-1).width == 80


def test_what_the_encoding_lacks_is_escaped():
    """Latin-1 has umlauts and no check mark."""
    look = Look(encoding="iso-8859-1")
    assert look.encode("ü ✓") == b"\xfc \\u2713"
    assert look.carried("ü ✓") == "ü \\u2713"
    assert look.plain_marks
