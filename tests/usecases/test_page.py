"""dirac-mq-usecases(7), which is written by hand, is well-formed, says what the code does, shows what is shipped."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from diracmq_cli.usecases import batch, command, pilotlog
from diracmq_cli.usecases.pilots.index import IDS, OWNERS
from diracmq_cli.usecases.pilots.message import ENDS, FIELDS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "man7/dirac-mq-usecases.7"
EXAMPLES = [ROOT / "examples" / name for name in ("usecases.cfg", "on-registered.sh", "executors.py")]


def _shown(width: int = 78) -> str:
    argv = ["groff", "-man", "-t", "-Tutf8", f"-rLL={width}n", "-P-cbou", str(PAGE)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def _plain(text: str) -> str:
    """Text as words with single spaces, without troff's requests."""
    return re.sub(r"\s+", " ", re.sub(r"^\.[A-Z]+ ?", "", text, flags=re.MULTILINE)).replace("\\", "")


@pytest.mark.parametrize("device", ["ps", "utf8", "ascii"])
def test_groff_is_silent(device: str) -> None:
    """On paper and on terminals."""
    argv = ["groff", "-man", "-t", "-ww", "-z", f"-T{device}", str(PAGE)]
    assert subprocess.run(argv, capture_output=True, text=True, check=True).stderr == ""


def test_it_fits_a_terminal() -> None:
    """No line of an example is broken or too long at 80 columns."""
    assert max(map(len, _shown().splitlines())) <= 80


def test_what_it_shows_is_shipped() -> None:
    """Each longer example is part of a file that the tests run, line by line."""
    shipped = [[line.strip() for line in file.read_text().splitlines()] for file in EXAMPLES]
    checked = 0
    for block in re.findall(r"^\.EX\n(.*?)^\.EE$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL):
        text = block.replace("\\(aq", "'").replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")
        lines = [line.strip() for line in text.splitlines()]
        if len(lines) < 5:
            continue
        checked += 1
        assert any(_holds(whole, lines) for whole in shipped), text
    assert checked == 6


def _holds(whole: list[str], part: list[str]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole)))


@pytest.mark.parametrize("module", [pilotlog, command, batch])
def test_its_options_are_the_codes(module: object) -> None:
    """Every option that a module asks for is in its table, with the default that it has."""
    source = Path(str(module.__file__)).read_text()  # type: ignore[attr-defined]
    asked = re.findall(r'(?:self\.option|options\.\w+)\((?:self, )?"(\w+)", (?:"([^"]*)"|([0-9_]+))', source)
    assert len(asked) >= 4
    page = PAGE.read_text()
    for name, text, number in asked:
        assert f"\n{name}|{text or number.replace('_', '')}|" in page, name


def test_its_words_are_the_codes() -> None:
    """Fields, ends, bounds and counters."""
    text = _plain(PAGE.read_text())
    for field in FIELDS:
        assert field in text
    assert "said done, finished, failed, aborted or killed" in text
    assert {"done", "finished", "failed", "aborted", "killed"} == ENDS
    assert (IDS, OWNERS) == (1_000_000, 1_000_000)
    assert command.KILL_GRACE == 5
    sources = "".join(file.read_text() for file in Path(pilotlog.__file__).parent.glob("*.py"))
    for name in re.findall(r'self\.count\("(\w+)"\)', sources):
        assert name in text, name
