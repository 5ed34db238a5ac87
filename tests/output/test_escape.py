import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.deliveries import read_back

from diracmq_cli.core.values import OpaqueString
from diracmq_cli.output.escape import hidden, visible, visible_octets, visible_value


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, [red]not markup[/red] <b>", "plain text, [red]not markup[/red] <b>"),
        ("two\nlines\r\ttab", r"two\nlines\r\ttab"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", r"\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\"),
        ("\x1bPq#0\x1b\\", r"\x1bPq#0\x1b\\"),
        ("\x00\x07\x08\x7f", r"\x00\x07\x08\x7f"),
        ("\x9b2J\x85", r"\u009b2J\u0085"),
        ("abc\u202edef\u2066\u061c", r"abc\u202edef\u2066\u061c"),
        ("a\u200bb\u00adc\u2028d\u2029", r"a\u200bb\u00adc\u2028d\u2029"),
        ("\ue000\U000e0041\U000f0000", r"\ue000\U000e0041\U000f0000"),
        ("\u3164\u034f", r"\u3164\u034f"),
        ("Grüße 世界 ☃\xa0€", "Grüße 世界 ☃\xa0€"),
        (r"C:\temp\new", r"C:\\temp\\new"),
        (r"literal \x1b", r"literal \\x1b"),
        (r"/DC=org/CN=J\xC3\x9Crgen", r"/DC=org/CN=J\xC3\x9Crgen"),
        (r"\\xC3", r"\\\xC3"),
        (r"\xc3 \x1B \xZZ", r"\\xc3 \\x1B \\xZZ"),
    ],
)
def test_what_is_shown(text, shown):
    """What acts, hides or reorders becomes an escape; what is only read stays; a DN can be copied."""
    assert visible(text) == shown


def test_octets_that_are_not_utf_8_are_octal():
    """An octet beyond ASCII cannot be mistaken for a character of the same number, nor for a DN's escape."""
    assert visible_octets(b"\x89PNG\r\n\x1a\n\x00 caf\xc3\xa9 \xff") == r"\211PNG\r\n\x1a\n\x00 café \377"
    assert visible_value(OpaqueString(b"\x9b\xff")) == r"\233\377"


def test_eight_bit_controls_cannot_come_in_by_overlong_or_split_utf_8():
    """The octets 0x80 to 0x9f never reach a terminal as they are, nor do overlong forms of ESC."""
    for octets in (b"\x9b2J", b"\xc2", b"\xc0\x9b", b"\xe0\x80\x9b", b"\xc2\x9b", b"\xed\xa0\x80"):
        shown = visible_octets(octets)
        assert shown.isascii(), octets
        assert shown.isprintable()


def test_combining_marks_neither_begin_a_text_nor_pile_up():
    """A mark with nothing to stand on, or the fifth on one character, is escaped: none reaches a neighbouring line."""
    assert visible("\u0301x") == r"\u0301x"
    assert visible("e\u0301") == "e\u0301"
    assert visible("z" + "\u0336" * 40) == "z" + "\u0336" * 4 + r"\u0336" * 36


@given(st.text(st.characters(codec=None)))
@example("\\\x1b")
@example("\\x1b")
@example("\\n\n")
@example("\\\\xC3\\xC3\\x8")
def test_nothing_hidden_gets_through_and_nothing_is_ambiguous(text):
    """Every text is shown without hidden characters, on one line, and can be read back exactly."""
    shown = visible(text)
    assert not any(hidden(ord(char)) for char in shown)
    assert len(shown.splitlines()) <= 1
    assert read_back(shown) == text


@given(st.binary())
def test_octets_can_be_read_back(octets):
    """Every body is shown in a way that means these octets and no others."""
    assert read_back(visible_octets(octets)).encode("utf-8", "surrogateescape") == octets


def test_every_character_that_unicode_calls_control_format_or_separator_is_hidden():
    """The rule covers the whole of Unicode, not a list that somebody remembered."""
    wanted = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    missed = [code for code in range(0x110000) if unicodedata.category(chr(code)) in wanted and not hidden(code)]
    assert missed == []
    assert not any(hidden(ord(char)) for char in "aé世 \xa0\u3000☃1")


def test_every_combining_mark_is_noticed():
    """The quick look for blocks with combining marks misses none of those that are not hidden anyway."""
    marks = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Mn", "Me")]
    missed = [mark for mark in marks if visible("a" + mark * 5) == "a" + mark * 5]
    assert len(marks) > 1000
    assert missed == []
