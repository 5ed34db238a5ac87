"""DIRAC's own code, run in a virtual environment of its own: it is an oracle, and must not share our packages."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]
_REQUIREMENTS = "tests/support/dirac-requirements.txt"


def dirac_python() -> str:
    """The interpreter that has DIRAC: ``DIRACMQ_DIRAC_PYTHON``, or ``.venv-dirac`` in the checkout.

    Fails the test, rather than skipping it, where there is none: an oracle that is silently absent proves nothing.
    """
    python = os.environ.get("DIRACMQ_DIRAC_PYTHON") or str(_CHECKOUT / ".venv-dirac" / "bin" / "python")
    if not Path(python).exists():
        raise AssertionError(
            f"DIRAC's code is needed and {python} does not exist; make it with `make test`, or with "
            f"`python3 -m venv .venv-dirac && .venv-dirac/bin/pip install --no-deps -r {_REQUIREMENTS}`"
        )
    return python


def run_dirac(snippet: str, *arguments: str) -> str:
    """Run a snippet with DIRAC importable, its ``sys.argv[1:]`` being ``arguments``; returns what it prints."""
    done = subprocess.run(
        [dirac_python(), "-c", snippet, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        raise AssertionError(f"DIRAC's code failed with {done.returncode}: {done.stderr}")
    return done.stdout
