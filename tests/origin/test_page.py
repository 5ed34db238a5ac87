"""dirac-mq-origin(7), which is written by hand, is well-formed and says what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.credentials.strength import MAX_RSA_BITS, MIN_RSA_BITS
from diracmq_cli.operations.refusing import MAX_HELD
from diracmq_cli.origin.verify import DEFAULT_MAX_AGE, FUTURE
from diracmq_cli.seen.store import MOST

PAGE = Path(__file__).parents[2] / "man7" / "dirac-mq-origin.7"


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """Neither groff nor its tables complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stderr == ""


def test_its_limits_are_the_codes() -> None:
    """The figures that the page names are those that are applied."""
    text = re.sub(r"\s+", " ", PAGE.read_text())

    assert f"RSA keys of {MIN_RSA_BITS} to {MAX_RSA_BITS} bits" in text
    assert f"at most {FUTURE / 60:.0f} minutes in the future" in text
    assert f"else {DEFAULT_MAX_AGE / 86400:.0f} days" in text
    assert f"up to {MAX_HELD} messages" in text
    assert f"(and {FUTURE / 60:.0f} minutes more)" in text
    assert (MOST, "for a million messages at most" in text) == (1_000_000, True)
