"""dirac-mq-cvmfs(7), which is written by hand, is well-formed and quotes what the bundle says."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.credentials.lacking import without_m2crypto

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "man7/dirac-mq-cvmfs.7"


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """On paper and on terminals."""
    command = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stderr == ""


def test_it_fits_a_terminal() -> None:
    """No line of an example is broken or too long at 80 columns."""
    command = ["groff", "-man", "-Tutf8", "-rLL=78n", "-P-cbou", str(PAGE)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert max(map(len, shown.splitlines())) <= 80


def test_its_messages_are_the_codes() -> None:
    """Whoever looks up a message finds it."""
    page = PAGE.read_text().replace("\\-", "-")
    said = str(without_m2crypto(ModuleNotFoundError("", name="M2Crypto")))
    assert re.sub(r"\(.*\)", "(/usr/bin/python3)", said) in page
    assert str(without_m2crypto(ImportError("...", name="M2Crypto._m2crypto"))).rpartition(" (")[0] in page
    start, launcher = (ROOT / "packaging/pilot" / name for name in ("start.py", "launcher.sh"))
    for text, source in (("is too old, it takes", start), ("there is no $python", launcher)):
        assert text in source.read_text()
        assert text.replace("$python", "python3") in page
