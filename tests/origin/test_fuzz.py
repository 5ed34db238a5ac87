"""Whatever bytes a stamp, a chain, a payload or a header table hold, reading them ends in one kind of error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("fuzz_stamps.py")


def fuzz(directory: Path, runs: int, seed: int) -> dict[str, int]:
    """Run the fuzzer in a process of its own, so that a crash of the interpreter is a failed test; returns what the
    inputs came to, by target and reason."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(directory), f"-runs={runs}", f"-seed={seed}", "-print_final_stats=1"],
        capture_output=True,
        text=True,
        errors="replace",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SCRIPT.parents[1])},
        cwd=directory,
        timeout=4 * 3600,
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told[-6000:]
    assert re.search(rf"Done {runs} runs", told)
    lines = (directory / "outcomes").read_text().splitlines()
    return {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}


def test_fifty_thousand_inputs(tmp_path: Path) -> None:
    """Nothing but VerificationError, nothing accepted that was not signed, and every target was reached deeply."""
    outcomes = fuzz(tmp_path, 50_000, 1)

    assert sum(outcomes.values()) >= 45_000
    assert len({name.split()[0] for name in outcomes}) == 8
    assert len({name.split()[1] for name in outcomes}) > 20, outcomes


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 6))
def test_a_million_inputs(seed: int, tmp_path: Path) -> None:
    """The same, a quarter of a million four times over from different seeds."""
    assert sum(fuzz(tmp_path, 250_000, seed).values()) >= 240_000
