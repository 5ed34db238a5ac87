"""dirac-mq-chains(7): its tables are those of the tests, its reasons those of the plugin."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.chain_cases import cases
from support.chain_page import PAGE, reason_word, with_tables


def test_tables_are_in_step() -> None:
    """``PYTHONPATH=tests python -m support.chain_page`` would change nothing."""
    text = PAGE.read_text()
    assert with_tables(text) == text


def test_every_reason_is_explained() -> None:
    """Each reason that a chain of the table is refused for stands in italics before its explanation."""
    reasons = PAGE.read_text().split(".SH REASONS")[1].split(".SH CHAINS")[0]
    explained = {
        word for line in re.findall(r"^\.IR? (.*)$", reasons, flags=re.MULTILINE) for word in re.findall(r"\w+", line)
    }
    assert {reason_word(case) for case in cases() if case.reason is not None} <= explained


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """Neither groff nor its tables complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
