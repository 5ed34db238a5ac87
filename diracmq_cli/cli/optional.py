"""Options whose value may be left out: ``--spool`` and ``--spool=DIR``.

typer's own click has no such thing any more (``flag_value`` is gone), so the command writes ``--spool`` as ``--spool=``
before it is parsed. A value is only ever taken from behind the ``=``.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperOption

OPTIONAL = "[=DIR]"
"""The metavar of such an option, by which help, man pages and completions know it too."""


class OptionalValueCommand(TyperCommand):
    """A command some of whose options have the metavar ``OPTIONAL``; without a value they are the empty string."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own click has no public types
        """See ``TyperCommand``."""
        return super().parse_args(ctx, self._completed(args))

    def _completed(self, args: list[str]) -> list[str]:
        options = [parameter for parameter in self.params if isinstance(parameter, TyperOption)]
        optional = {flag for option in options if option.metavar == OPTIONAL for flag in option.opts}
        valued = {
            flag for option in options if not option.is_flag and not option.count for flag in option.opts
        } - optional
        done: list[str] = []
        is_value = False
        for index, word in enumerate(args):
            if word == "--" and not is_value:
                return done + args[index:]
            done.append(f"{word}=" if word in optional and not is_value else word)
            is_value = not is_value and (word in valued or _ends_in_short(word, valued))
        return done


def _ends_in_short(word: str, valued: set[str]) -> bool:
    """Whether the last of several short options, as in ``-lk``, wants the next word as its value."""
    if word.startswith("--") or len(word) < 3 or not word.startswith("-"):
        return False
    before = [f"-{letter}" in valued for letter in word[1:-1]]
    return f"-{word[-1]}" in valued and not any(before)
