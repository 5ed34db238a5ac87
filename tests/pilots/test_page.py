"""dirac-mq-pilots(7), which is written by hand around the wrapper, is well-formed and shows what is run."""

from __future__ import annotations

import re
import subprocess
import textwrap

import pytest
from support.pilotjob import FOLLOW, REPLAY, WRAPPER
from support.wrapper_page import PAGE, with_script


def _rendered() -> str:
    """The page as it is shown on a terminal of 80 columns."""
    command = ["groff", "-man", "-t", "-Tutf8", "-P-cbou", "-rLL=78n", "-rLT=78n", str(PAGE)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """groff does not complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_it_shows_the_wrapper() -> None:
    """``PYTHONPATH=tests python -m support.wrapper_page`` would change nothing; what a reader copies is the file."""
    assert with_script(PAGE.read_text()) == PAGE.read_text()
    script = WRAPPER.read_text()
    assert textwrap.indent(script, " " * 7) in re.sub(r"(?m)^ +$", "", _rendered())


@pytest.mark.parametrize("command", [FOLLOW, REPLAY])
def test_it_shows_the_commands_that_are_tried(command: str) -> None:
    """The other commands of the page are those of the tests."""
    assert re.sub(r"\s+", " ", command) in re.sub(r"\\?\s+", " ", _rendered())


def test_it_fits_a_terminal() -> None:
    """No line is wider than 80 columns."""
    assert [line for line in _rendered().splitlines() if len(line) > 80] == []
