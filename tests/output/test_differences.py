"""What differs between the CS and a broker, as it is shown."""

from __future__ import annotations

import json
import os
import sys

import pytest

from diracmq_cli.output.differences import Row, print_differences
from diracmq_cli.output.progress import INTERVAL, Progress
from diracmq_cli.output.talk import Talk
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.writer import Writer

ROWS = [
    Row(change="add", kind="binding", vhost="dirac", name="a.x -> b (#)"),
    Row(change="remove", kind="permission", vhost="dirac", name="/CN=J\x1b[m\tane", detail="write a.x", loser="/CN=J"),
    Row(change="conflict", kind="queue", vhost="dirac", name="q", detail="x is 1, not 2", done=False, problem="in use"),
]


def shown(look: Look, *, json: bool = False) -> str:
    reader, writer = os.pipe()
    print_differences(ROWS, Writer(writer), look, json=json)
    os.close(writer)
    with os.fdopen(reader) as stream:
        return stream.read()


def test_in_a_pipe() -> None:
    """One line each, TAB-separated; control characters of a name cannot make another column."""
    lines = [line.split("\t") for line in shown(Look()).splitlines()]
    assert {len(line) for line in lines} == {6}
    assert lines[0] == ["add", "binding", "dirac", "a.x -> b (#)", "-", "-"]
    assert "\x1b" not in lines[1][3]
    assert lines[2][-1] == "in use"


def test_as_json() -> None:
    """Every key in every row; null for what is not."""
    rows = [json.loads(line) for line in shown(Look(), json=True).splitlines()]
    assert [row["change"] for row in rows] == ["add", "remove", "conflict"]
    assert rows[0] | {"loser": None, "done": None, "problem": None} == rows[0]
    assert rows[1]["name"] == "/CN=J\x1b[m\tane"


@pytest.mark.parametrize("width", [40, 80])
def test_on_a_terminal(width: int) -> None:
    """A sign as diff has it, what differs below; no line is wider than the terminal."""
    lines = shown(Look(is_terminal=True, columns=width)).splitlines()
    assert [line[0] for line in lines if not line.startswith(" ")] == ["+", "-", "!"]
    assert "    x is 1, not 2" in lines
    assert max(map(len, lines)) <= width


def test_progress_of_a_long_run(capsys: pytest.CaptureFixture[str]) -> None:
    """A line now and then, and none in a run that is soon over."""
    now = [0.0]
    progress = Progress(Talk("p", sys.stderr, clock=lambda: 0), "changes made", 3, clock=lambda: now[0])
    progress.step()
    assert capsys.readouterr().err == ""
    now[0] = INTERVAL
    progress.step()
    progress.step()
    assert capsys.readouterr().err.endswith(" p: 2 of 3 changes made\n")
