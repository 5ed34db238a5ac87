"""The script in man7/dirac-mq-pilots.7, from examples/pilot-wrapper.sh.

``PYTHONPATH=tests python -m support.wrapper_page`` writes it into the page; the text around it is written by hand.
"""

from __future__ import annotations

from pathlib import Path

from support.pilotjob import WRAPPER

PAGE = Path(__file__).parents[2] / "man7" / "dirac-mq-pilots.7"

BEGIN, END = '.\\" BEGIN SCRIPT\n', '.\\" END SCRIPT\n'

_SPECIAL = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti", '"': "\\(dq"}


def with_script(text: str) -> str:
    """The page with its script made anew."""
    before, rest = text.split(BEGIN)
    script = "".join(f"{_roff(line)}\n" for line in WRAPPER.read_text().splitlines())
    return f"{before}{BEGIN}.EX\n{script}.EE\n{END}{rest.split(END)[1]}"


def _roff(line: str) -> str:
    escaped = "".join(_SPECIAL.get(character, character) for character in line)
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    PAGE.write_text(with_script(PAGE.read_text()))
