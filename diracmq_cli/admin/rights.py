"""What somebody loses when one of RabbitMQ's permission patterns is replaced by another."""

from __future__ import annotations

import re

from diracmq_cli.admin.permissions import NOTHING

_OURS = re.compile(r"\^\((.*)\)\$", re.DOTALL)
_BETWEEN = re.compile(r"(?<!\\)\|")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NONE = frozenset(("", NOTHING))


def granted(pattern: str) -> frozenset[str] | None:
    """The alternatives of a pattern as ``permissions.exactly`` writes it; None for a pattern of another form."""
    if pattern in _NONE:
        return frozenset()
    match = _OURS.fullmatch(pattern)
    return frozenset(_BETWEEN.split(match[1])) if match else None


def lost(before: str, after: str) -> bool:
    """Whether ``before`` lets through anything that ``after`` does not.

    Whether one regular expression contains another is answered for patterns of our own form alone; of others it is
    assumed that something is lost.
    """
    if before == after:
        return False
    old, new = granted(before), granted(after)
    return not (old is not None and new is not None and old <= new)


def names(pattern: str) -> list[str]:
    """What a pattern lets through, for people: the names of our own form, else the pattern itself."""
    alternatives = granted(pattern)
    return [pattern] if alternatives is None else sorted(_ESCAPED.sub(r"\1", each) for each in alternatives)


def difference(before: str, after: str) -> str:
    """The same in words: ``-a.b +c``."""
    old, new = names(before), names(after)
    gone = [f"-{name}" for name in old if name not in new]
    return " ".join([*gone, *(f"+{name}" for name in new if name not in old)])
