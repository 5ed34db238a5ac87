"""Read one CFG file: bytes to a tree whose options know their lines.

diraccfg is the one authority on the grammar, so that a file means here what it means to DIRAC. It knows no lines, but
hands the comment before an entry on with that entry: so every line is given its own number as a comment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.config.tree import Option, Section
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diraccfg import CFG

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
    lines = text.split("\n")
    try:
        return _section(_load(lines), "", name, 1)
    except ConfigError:
        raise
    except Exception as error:  # KeyError, ValueError, AttributeError: whatever the fault leads diraccfg to
        raise ConfigError(f"{name} line {_faulty(lines)}: not a CFG: {_reason(error)}") from error


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


def _load(lines: list[str]) -> CFG:
    from diraccfg import CFG

    numbered = (
        f"#{number}\n{line}" for number, line in enumerate(lines, 1) if (start := line.strip()) and start[0] != "#"
    )
    return CFG().loadFromBuffer("\n".join(numbered))


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


def _faulty(lines: list[str]) -> int:
    """The line (from 1) by which diraccfg gives up; the last line when a section is never closed."""
    good, bad = 0, len(lines)
    while good + 1 < bad:
        middle = (good + bad) // 2
        if _fails(lines[:middle]):
            bad = middle
        else:
            good = middle
    return bad


def _fails(lines: list[str]) -> bool:
    """Whether these lines are wrong in themselves, not just the beginning of something."""
    try:
        _load(lines)
    except Exception as error:
        return not _unclosed(error)
    return False


def _unclosed(error: Exception) -> bool:
    return "open more sections" in str(error)


def _reason(error: Exception) -> str:
    """What is wrong, in our words: diraccfg's own are long, and for some faults an accident of its code."""
    text = str(error.args[0]) if error.args else ""
    known = {
        "open more sections": "a section is not closed",
        "close more sections": "a } without its {",
        "section with empty name": "a section without a name",
        "option with empty name": "an option without a name",
        "key already exists": f"a second section or option {text.partition(' ')[0]}",
        "has not been declared": f"+= to {text.split(' ')[1] if ' ' in text else text}, which has no value before",
        "is not a string": "+= to a section",
    }
    return next((ours for theirs, ours in known.items() if theirs in text), "a name holds a /")
