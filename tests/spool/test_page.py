"""dirac-mq-delivery(7), which is written by hand, is well-formed and says what the code does."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.broker.session import BrokerSession
from diracmq_cli.core.message import Outcome
from diracmq_cli.operations import intake, lastwords, redial
from diracmq_cli.spool import DEFAULT_LIMIT
from diracmq_cli.wiring import sendoptions, sendparts

PAGE = Path(__file__).parents[2] / "man7" / "dirac-mq-delivery.7"


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """Neither groff nor its tables complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_its_figures_are_the_codes() -> None:
    """The figures that the page names are those that are applied."""
    text = re.sub(r"\s+", " ", re.sub(r"^\.[A-Z]+ ?", "", PAGE.read_text(), flags=re.MULTILINE)).replace("\\", "")
    window = inspect.signature(BrokerSession.publisher).parameters
    messages, octets = window["max_messages"].default, window["max_octets"].default
    for said in (
        f"from 0 to {redial.FIRST_PAUSE:.0f} seconds",
        f"double up to {redial.LONGEST_PAUSE / 60:.0f} minutes",
        f"no more than {intake.READ_AHEAD} or {intake.READ_AHEAD_OCTETS >> 20} MiB of them",
        f"({messages} messages or {octets >> 20} MiB)",
        f"({DEFAULT_LIMIT >> 20} MiB)",
        f"{sendoptions.OUTAGE:.0f} seconds for one message, {sendoptions.OUTAGE_OF_MANY / 60:.0f} minutes for many",
        f"is over ({sendoptions.GRACE:.0f} seconds); confirms in flight have {lastwords.CONFIRM_GRACE:.0f} seconds",
        f"(with a spool after {sendparts.STALL_WITH_SPOOL:.0f} seconds at most)",
    ):
        assert said in text, said
    assert (intake.HOLD, lastwords.QUIET, redial.STEADY) == (1.0, 0.5, 60.0)  # a second, half a second, a minute
    for outcome in Outcome:
        assert f"{outcome.value}|" in PAGE.read_text()
