"""Take the passwords out of a CFG that came over the network: the CS is for all to read, so none there is a secret."""

from __future__ import annotations

import re

# All before the first = (or +=), as diraccfg cuts a line; a comment may hold one too.
_PASSWORD = re.compile(r"^(?P<name>[^=\n]*password)[^\S\n]*\+?=(?P<value>[^\n]*)$", re.IGNORECASE | re.MULTILINE)


def without_passwords(text: str) -> str:
    """``text`` with the same lines and no password.

    An option keeps its name and loses its value, so that it can be told which one was ignored; it then counts as
    absent. One that had no value, or stood in a comment, goes altogether.
    """
    return _PASSWORD.sub(_emptied, text)


def _emptied(match: re.Match[str]) -> str:
    kept = match["value"].strip() and not match["name"].lstrip().startswith("#")
    return f"{match['name']} =" if kept else ""
