"""Read one CFG file: bytes to a tree whose options know their lines.

diraccfg is the one authority on the grammar, so that a file means here what it means to DIRAC. It knows no lines, but
hands the comment before an entry on with that entry: so every line is given its own number as a comment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diraccfg import CFG

from diracmq_cli.config.tree import Option, Section
from diracmq_cli.errors import ConfigError

_DEEPEST = 100
"""Levels of sections; far more than DIRAC has, far fewer than Python's recursion allows."""


@dataclass(frozen=True, slots=True)
class CfgFile:
    """What one file gave. ``exposure`` says why a password in it would be no secret; None when it is private."""

    name: str
    tree: Section
    exposure: str | None


def read_cfg_file(name: str) -> CfgFile:
    """Read the CFG file ``name``.

    Raises:
        FileNotFoundError: there is none; whether that matters depends on who named it.
        ConfigError: it cannot be read, is not UTF-8, or is no CFG; the message names file and line.
    """
    try:
        with Path(name).open("rb") as stream:
            status = os.fstat(stream.fileno())
            octets = stream.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(name) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"cannot read {name}: {reason.lower()}") from error
    return CfgFile(name, parse_cfg(_decode(octets, name), name), _exposure(status))


def parse_cfg(text: str, name: str) -> Section:
    """The tree of a CFG's text; ``name`` is what errors and options call its origin.

    Raises:
        ConfigError: it is no CFG; the message names the line.
    """
    numbered = _Numbered(text)
    try:
        return _section(CFG().loadFromBuffer(numbered), "", name, 1)
    except ConfigError:
        raise
    except Exception as error:  # KeyError, ValueError, AttributeError: whatever the fault leads diraccfg to
        raise ConfigError(f"{name} line {numbered.reached}: not a CFG: {_reason(error)}") from error


class _Numbered(str):
    """A CFG's text with each line's number as a comment before it; knows how far it has been read.

    Should diraccfg one day split its lines in another way, only ``reached`` would stay at its beginning.
    """

    reached = 1

    def __new__(cls, text: str) -> _Numbered:
        lines = ((number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip())
        return super().__new__(
            cls, "\n".join(f"#{number}\n{line}" for number, line in lines if line.lstrip()[0] != "#")
        )

    def split(self, *how: object) -> Iterator[str]:  # type: ignore[override]
        """The lines one by one, as diraccfg takes them."""
        for line in super().split(*how):  # type: ignore[arg-type]
            if line.startswith("#"):
                self.reached = int(line[1:])
            yield line


def _decode(octets: bytes, name: str) -> str:
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name} line {line}: not UTF-8 (octet 0x{octets[error.start]:02x})", hint=f"iconv -t UTF-8 {name}"
        ) from error


def _exposure(status: os.stat_result) -> str | None:
    if status.st_mode & 0o077:
        return f"others have access to it (mode {status.st_mode & 0o777:04o})"
    if status.st_uid not in (0, os.geteuid()):
        return f"it belongs to another user (uid {status.st_uid})"
    return None


def _section(cfg: CFG, path: str, file: str, line: int, depth: int = 0) -> Section:
    if depth > _DEEPEST:
        raise ConfigError(f"{file} line {line}: sections are nested more than {_DEEPEST} deep")
    options: dict[str, Option] = {}
    sections: dict[str, Section] = {}
    for name in cfg:
        value = cfg[name]
        numbers = cfg.getComment(name).split()
        here = int(numbers[-1]) if numbers else line  # none: it shares a line with the section it is in
        if isinstance(value, str):
            options[name] = Option(value, file, here)
        else:
            sections[name] = _section(value, f"{path}/{name}", file, here, depth + 1)
    return Section(path, file, options, sections)


def _reason(error: Exception) -> str:
    """What is wrong, in our words: diraccfg's own are long, and for some faults an accident of its code."""
    text = str(error.args[0]) if error.args else ""
    known = {
        "open more sections": "a section is not closed",
        "close more sections": "a } without its {",
        "section with empty name": "a section without a name",
        "option with empty name": "an option without a name",
        "key already exists": f"a second {text.removesuffix(' key already exists')}",
        "has not been declared": "+= to an option that has no value yet",
        "is not a string": "+= to a section",
    }
    return next((ours for theirs, ours in known.items() if theirs in text), "a name holds a /")
