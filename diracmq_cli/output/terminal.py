"""What the place that output goes to can show: whether it is a terminal, its colours, width and characters."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TextIO

MARKS = "✓✗"
_EAST_ASIAN = ("ja", "ko", "zh")
_FALLBACK_WIDTH = 80
_COERCED = ("C.UTF-8", "C.utf8", "UTF-8")
"""What Python itself puts into LC_CTYPE when it finds the C locale (PEP 538)."""


class ColorMode(StrEnum):
    """``--color``."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How output is to look. A terminal changes colour and width, never the fields.

    ``fd`` is asked for the width whenever something is shown, since windows change; ``columns`` overrides it.
    ``encoding`` is what the text is written in; ``ambiguous`` see ``cells.cells``.
    """

    is_terminal: bool = False
    color: bool = False
    encoding: str = "utf-8"
    ambiguous: int = 1
    fd: int = 1
    columns: int | None = None

    @property
    def width(self) -> int:
        """Columns of the terminal now."""
        if self.columns is not None:
            return self.columns
        try:
            return os.get_terminal_size(self.fd).columns or _FALLBACK_WIDTH
        except OSError:
            return _FALLBACK_WIDTH

    @property
    def plain_marks(self) -> bool:
        """True where the encoding has no ``✓`` and ``✗``."""
        try:
            MARKS.encode(self.encoding)
        except UnicodeEncodeError:
            return True
        return False

    def carried(self, text: str) -> str:
        """``text`` as ``encode`` will make it; to be measured before it is laid out."""
        return text if self.encoding == "utf-8" else self.encode(text).decode(self.encoding)

    def encode(self, text: str) -> bytes:
        r"""``text`` in this encoding; what it cannot carry becomes an escape such as ``\u2713``."""
        return text.encode(self.encoding, "backslashreplace")


def look_of(stream: TextIO, mode: ColorMode, environ: Mapping[str, str]) -> Look:
    """Find out what ``stream`` can show.

    In the C locale a terminal gets ASCII: to one that reads single octets, the second octet of many a UTF-8 letter is
    a control character. Elsewhere the encoding is Python's.
    """
    is_terminal = stream.isatty()
    locale = _locale(environ)
    return Look(
        is_terminal=is_terminal,
        color=color_wanted(mode, is_terminal=is_terminal, environ=environ),
        encoding="ascii" if is_terminal and locale in ("C", "POSIX") else stream.encoding,
        ambiguous=2 if locale.startswith(_EAST_ASIAN) else 1,
        fd=stream.fileno(),
    )


def color_wanted(mode: ColorMode, *, is_terminal: bool, environ: Mapping[str, str]) -> bool:
    """Whether to colour: ``auto`` means on a terminal that can, unless NO_COLOR is set (https://no-color.org)."""
    if mode is not ColorMode.AUTO:
        return mode is ColorMode.ALWAYS
    return is_terminal and not environ.get("NO_COLOR") and environ.get("TERM", "dumb") != "dumb"


def _locale(environ: Mapping[str, str]) -> str:
    """The locale that the user asked for (POSIX 8.2: LC_ALL, LC_CTYPE, LANG)."""
    ctype = environ.get("LC_CTYPE", "")
    if ctype in _COERCED:
        ctype = ""
    return environ.get("LC_ALL") or ctype or environ.get("LANG") or "C"
