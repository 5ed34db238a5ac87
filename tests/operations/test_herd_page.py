"""dirac-mq-herd(7), which is written by hand, is well-formed and says what the code does."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.admin.conffiles import CONNECTION_MAX
from diracmq_cli.operations import redial, renewal
from diracmq_cli.wiring import sendoptions

PAGE = Path(__file__).parents[2] / "man7" / "dirac-mq-herd.7"


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """Neither groff nor its tables complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_it_fits_a_terminal() -> None:
    """At 80 columns no line is too long."""
    command = ["groff", "-man", "-t", "-Tutf8", "-rLL=78n", "-P-cbou", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_its_figures_are_the_codes() -> None:
    """The pauses, limits and moments that the page names are those that are applied."""
    text = re.sub(r"\s+", " ", PAGE.read_text()).replace("\\", "")
    for said in (
        f"between 0 and {redial.FIRST_PAUSE:.0f} seconds",
        f"up to {redial.LONGEST_PAUSE / 60:.0f} minutes",
        f"up for {redial.STEADY:.0f} seconds",
        f"within {redial.DIAL_TIMEOUT:.0f} seconds",
        f"{sendoptions.OUTAGE_OF_MANY / 60:.0f} minutes by default",
        f"between {renewal.EARLIEST:.0%} and {renewal.LATEST:.0%}",
        f"stops at {CONNECTION_MAX:,} connections",
    ):
        assert said in text, said
