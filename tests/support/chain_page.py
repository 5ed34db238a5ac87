"""The tables of man7/dirac-mq-chains.7, from the table of chains that the plugin is tried with.

``PYTHONPATH=tests python -m support.chain_page`` writes them into the page; the text around them is written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from support.chain_cases import cases
from support.chain_world import Case

PAGE = Path(__file__).parents[2] / "man7" / "dirac-mq-chains.7"

OPTIONS = {
    "default": "",
    "no limited": " (--limited reject)",
    "two proxies": " (--max-proxies 2)",
    "crl": " (--crl require)",
    "crl if present": " (--crl if-present)",
    "policy": " (--signing-policy require)",
    "policy if present": " (--signing-policy if-present)",
}
"""What ``render`` was told, by the listener that a chain is judged by."""

KINDS = {"end_entity": "certificate", "proxy": "proxy", "limited_proxy": "limited proxy"}


def tables() -> dict[str, str]:
    """The generated parts of the page by name."""
    good = [(_chain(case), _login(case)) for case in cases() if case.reason is None]
    bad = [(_chain(case), reason_word(case)) for case in cases() if case.reason is not None]
    return {"ACCEPTED": _table("Logs in by", good), "REFUSED": _table("Reason", bad)}


def with_tables(text: str) -> str:
    """The page with its generated parts made anew."""
    for name, table in tables().items():
        begin, end = f'.\\" BEGIN {name}\n', f'.\\" END {name}\n'
        before, rest = text.split(begin)
        text = before + begin + table + end + rest.split(end)[1]
    return text


def reason_word(case: Case) -> str:
    """The reason without its particulars: ``{crl_unusable,…}`` is ``crl_unusable``."""
    return re.split(r"[{,]", str(case.reason).lstrip("{"))[0]


def _chain(case: Case) -> str:
    """Its name, without what the option after it says again."""
    return case.name.removesuffix(", CRL if present").removesuffix(", if present") + OPTIONS[case.listener]


def _login(case: Case) -> str:
    return KINDS[case.kind] + (f", depth {case.depth}" if case.depth else "")


def _table(head: str, rows: Iterable[tuple[str, str]]) -> str:
    lines = (f"T{{\n{_roff(chain)}\nT}}|{_roff(verdict)}" for chain, verdict in rows)
    return "\n".join((".TS", "tab(|);", "lB lB", "lw(42) l.", f"Chain|{head}", *lines, ".TE", ""))


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("|", "\\(ba")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
