r"""Make what somebody else wrote harmless to read: every character that acts, hides or reorders becomes visible.

=============  =====================================================================================
``\\``         a backslash
``\n \r \t``   these
``\x1b``       another control character of ASCII
``\u009b``     a hidden character beyond ASCII, ``\U000e0041`` beyond U+FFFF
``\377``       in octal: an octet that is not UTF-8
=============  =====================================================================================

So each text is shown in one way and each way means one text: a body cannot write an escape that we did not make. One
backslash is not doubled: that of ``\xC3``, upper case and from 80 up, because the one-line form of DNs has such, and
a DN that is shown must be one that can be copied. No escape of ours looks like that. Nothing in here is markup.
"""

from __future__ import annotations

import re
from unicodedata import category

from diracmq_cli.core.values import OpaqueString, Text

MAX_MARKS = 4
"""Combining marks that one character may carry; more would pile up over the lines above and below."""

_BLANK = (
    frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0})
    | frozenset(range(0x180B, 0x1810))
    | frozenset(range(0xE0100, 0xE01F0))
)
"""Letters and marks that Unicode calls default-ignorable: they take part in a text and show nothing."""

_MAYBE_MARK = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u20d0-\u20ff\u2cef-\u2dff\u302a-\u302f\u3099\u309a"
    "\ua66f-\uabff\ufb1e\ufe00-\ufe2f\U000101fd-\U0001efff]"
)
"""Blocks that hold combining marks, so that most texts need not be looked at character by character."""

_CACHED = 0x10000

_DN_ESCAPE = re.compile(r"(\\x[89A-F][0-9A-F])")


def hidden(code: int) -> bool:
    """Whether a code point acts, hides or reorders: control, format, surrogate, private, unassigned, separator.

    Spaces (Unicode category Zs) are not hidden: they show as what they are.
    """
    char = chr(code)
    return code in _BLANK or not (char.isprintable() or category(char) == "Zs")


def _escape(code: int) -> str:
    if code < 0x80:
        return {9: "\\t", 10: "\\n", 13: "\\r", 92: "\\\\"}.get(code) or f"\\x{code:02x}"
    if 0xDC80 <= code <= 0xDCFF:  # an octet that was no UTF-8 (surrogateescape)
        return f"\\{code - 0xDC00:03o}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class _Escapes(dict[int, "str | int"]):
    """The table for ``str.translate``, filled as characters are met; bounded, for they choose which ones we meet."""

    def __missing__(self, code: int) -> str | int:
        shown = _escape(code) if code == 0x5C or hidden(code) else code
        if code < _CACHED:
            self[code] = shown
        return shown


_ESCAPES = _Escapes()


def visible(text: str) -> str:
    """Show ``text`` on one line: hidden characters and backslashes become escapes, newlines included."""
    if "\\" in text:
        parts = _DN_ESCAPE.split(text)
        shown = "".join([part if index % 2 else part.translate(_ESCAPES) for index, part in enumerate(parts)])
    elif text.isascii() and text.isprintable():
        return text
    else:
        shown = text.translate(_ESCAPES)
    return _tame_marks(shown) if _MAYBE_MARK.search(shown) else shown


def visible_octets(octets: bytes) -> str:
    """Show octets as ``visible`` shows text; those that are not UTF-8 become octal escapes."""
    return visible(octets.decode("utf-8", "surrogateescape"))


def visible_value(text: Text) -> str:
    """Show a string of AMQP, whether or not it is UTF-8."""
    return visible_octets(text.octets) if isinstance(text, OpaqueString) else visible(text)


def _tame_marks(text: str) -> str:
    """Escape combining marks that have nothing to stand on, and those beyond the first few on one character."""
    tamed: list[str] = []
    marks = MAX_MARKS  # at the start there is nothing to stand on
    for char in text:
        if char.isascii() or category(char) not in ("Mn", "Me"):
            marks = 0
        else:
            marks += 1
        tamed.append(char if marks <= MAX_MARKS else _escape(ord(char)))
    return "".join(tamed)
