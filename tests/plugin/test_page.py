"""dirac-mq-chains(7) and dirac-mq-sizing(7): their tables, reasons and limits are those of tests, plugin and files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from support.chain_cases import cases
from support.chain_page import PAGE, reason_word, with_tables
from support.chain_server import SOURCES

from diracmq_cli.admin.conffiles import CONNECTION_MAX

SIZING = PAGE.with_name("dirac-mq-sizing.7")


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


def test_limits_are_those_of_the_files() -> None:
    """What the page on sizing says of a node is what ``render`` sets and the plugin keeps."""
    text = re.sub(r"\s+", " ", SIZING.read_text())
    assert f"stops at {CONNECTION_MAX:,} connections" in text
    kept = re.search(r"max_sessions, (\d+)", (SOURCES / "rabbitmq_grid_proxy.app.src").read_text())
    assert kept is not None
    assert f"holds {int(kept[1]):,} leaf certificates at most" in text


@pytest.mark.parametrize("page", [PAGE, SIZING], ids=["chains", "sizing"])
@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(page: Path, device: str) -> None:
    """Neither groff nor its tables complain, on paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
