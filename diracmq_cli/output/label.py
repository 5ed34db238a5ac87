"""Say what is known of a message's origin: the same words on a terminal, in a pipe, in a template."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.model import OriginLevel
from diracmq_cli.output.escape import visible

if TYPE_CHECKING:
    from diracmq_cli.core.verdict import Verdict

ABSENT = "-"
"""Shown for what a message does not have."""

_LABELS = {OriginLevel.SIGNED: "✓ signed", OriginLevel.BROKER: "✓ broker", OriginLevel.CLAIMED: "? claimed"}
_PLAIN = str.maketrans({"✓": "+", "✗": "!"})
_PLAIN_LABELS = {level: label.translate(_PLAIN) for level, label in _LABELS.items()}
_STYLES = {OriginLevel.SIGNED: "32", OriginLevel.BROKER: "32", OriginLevel.CLAIMED: "33", None: "1;31"}

LABEL_WIDTH = max(len(label) for label in _LABELS.values())


def verdict_label(verdict: Verdict, *, plain: bool = False) -> str:
    """``✓ signed``, ``✓ broker``, ``? claimed``, or ``✗`` with the reason; ``plain`` uses ``+`` and ``!`` as marks.

    Of a message that a Mover put there, ``✓ broker (moved by DN)``.

    Never begins with a space, so that only a verdict stands in the first column.
    """
    if verdict.level is not None:
        label = (_PLAIN_LABELS if plain else _LABELS)[verdict.level]
        return label if verdict.moved_by is None else f"{label} (moved by {visible(verdict.moved_by)})"
    return f"{'!' if plain else '✗'} {visible(verdict.reason or 'no reason given')}"


def verdict_style(verdict: Verdict) -> str:
    """SGR parameters of a verdict: green, yellow, bold red."""
    return _STYLES[verdict.level]


def who(verdict: Verdict) -> str:
    """The person's DN, ``server NAME``, or ``-``; how far to believe it, the verdict says."""
    if verdict.dn is not None:
        return visible(verdict.dn)
    return ABSENT if verdict.user is None else f"server {visible(verdict.user)}"
