"""``dirac-mq list --watch``: a live table that leaves the screen as it was, NDJSON in a pipe, brokers that go away."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import pexpect
import pytest
from support.adapter import closed_port
from support.broker import SCRIPTS, Broker
from support.commands import publish, running, take
from support.queues import QueueFactory

ALTERNATE_SCREEN, MAIN_SCREEN = "\x1b[?1049h", "\x1b[?1049l"
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _terminal(broker: Broker, *argv: str, columns: int, lines: int = 12, **environment: str) -> pexpect.spawn:
    return pexpect.spawn(
        str(SCRIPTS / "dirac-mq-list"),
        ["--watch", "--interval", "300ms", *argv],
        env=broker.env("user", TERM="xterm", **environment),
        dimensions=(lines, columns),
        encoding="utf-8",
        timeout=20,
    )


def _widest(shown: str) -> int:
    """Columns of the widest row; each picture begins in the upper left corner (cursor home)."""
    lines = CONTROL.sub("", shown.replace("\x1b[H", "\n")).replace("\r", "").split("\n")
    return max(len(line.rstrip()) for line in lines)


@pytest.mark.parametrize("columns", [80, 120])
def test_a_live_table(devbroker: Broker, make_queue: QueueFactory, columns: int) -> None:
    """Figures that change, on a screen of its own that fits; Ctrl-C gives the screen back and ends by SIGINT."""
    name, cfg = make_queue()
    child = _terminal(devbroker, name, "demo.audit", "--cfg", str(cfg), columns=columns)
    child.expect("CHANGE/S")
    publish(devbroker, name, *"abcdefghij")
    child.expect(rf"{re.escape(name)}[^\r\n]* 10 [^\r\n]*\+\d")
    take(devbroker, name)
    child.expect(rf"{re.escape(name)}[^\r\n]* 0 [^\r\n]*-\d")
    child.setwinsize(8, 60)
    shown = child.before
    child.expect("Ctrl-C")
    child.sendintr()
    child.expect(pexpect.EOF)
    end = child.before
    child.close()
    assert child.signalstatus == signal.SIGINT
    assert end.rstrip().endswith((MAIN_SCREEN, SHOW_CURSOR))
    assert MAIN_SCREEN in end
    assert SHOW_CURSOR in end
    assert _widest(shown) <= columns


def test_more_queues_than_lines(devbroker: Broker) -> None:
    """What does not fit is counted, and how to choose is said."""
    child = _terminal(devbroker, columns=80, lines=5)
    child.expect(r"and \d+ queues more: name some, as in 'demo\.\*'")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == signal.SIGINT


def test_a_pipe_gets_an_object_for_each_queue_and_round(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The keys of list -j, the time and the change per second; --timeout ends it with 0."""
    name, cfg = make_queue()
    argv = ["dirac-mq-list", "--watch", "--interval", "200ms", name, "demo.audit", "--cfg", str(cfg)]
    with running(devbroker, [*argv, "-t", "3s"]) as command:
        seen = command.shows(b'"demo.audit"')
        publish(devbroker, name, "a", "b")
        done = command.end()
    assert (done.status, done.stderr) == (0, "")
    found = [json.loads(line) for line in (seen + done.raw).splitlines()]
    mine = [row for row in found if row["queue"] == name]
    assert (mine[0]["ready"], mine[0]["change_per_second"]) == (0, None)
    assert mine[-1]["ready"] == 2
    assert sum(row["change_per_second"] > 0 for row in mine[1:]) in (1, 2)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]) for row in found)
    audit = [row for row in found if row["queue"] == "demo.audit"]
    assert {(row["ready"], row["change_per_second"]) for row in audit} == {(None, None)}
    assert len(audit) == len(mine) > 2


def test_one_connection_kept_open_and_made_anew(devbroker: Broker) -> None:
    """All rounds ask over one connection; when that is lost, it is said once, and dialled again."""
    counted = "length([P || P <- rabbit_networking:connections()])"
    before = int(devbroker.eval(counted))
    with running(devbroker, ["dirac-mq-list", "--watch", "--interval", "200ms"]) as command:
        seen = command.shows(b'"ComponentMonitoring"')
        time.sleep(1)
        assert int(devbroker.eval(counted)) == before + 1, "two services on one broker share a connection"
        devbroker.eval('[rabbit_networking:close_connection(P, "try") || P <- rabbit_networking:connections()]')
        command.says("trying again")
        command.says("the broker of dev answers again")
        command.signal(signal.SIGINT)
        done = command.end()
    assert done.status == -signal.SIGINT
    assert done.stderr.count("warning:") == 1
    problems = [json.loads(line)["problem"] for line in (seen + done.raw).splitlines() if line.endswith(b"}")]
    assert "unreachable" in problems
    assert problems[-1] is None


def test_a_broker_that_is_away_hides_nobody(devbroker: Broker, tmp_path: Path) -> None:
    """It is said in its rows, above the table on a terminal; with nobody to watch at all, that is the end: 69."""
    section = f"away\n{{\nHost = localhost\nPort = {closed_port()}\nVHost = dirac\nQueues\n{{\nq\n{{\n}}\n}}\n}}"
    cfg = tmp_path / "away.cfg"
    cfg.write_text(f"Resources\n{{\nMQServices\n{{\n{section}\n}}\n}}\n")
    child = _terminal(devbroker, "q", "demo.jobs", "--cfg", str(cfg), columns=80)
    child.expect("away: unreachable; trying again")
    child.expect(r"q\s+away\s+classic\s+-\s+-\s+-\s+\S*unreachable")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.signalstatus == signal.SIGINT
    alone = devbroker.command(["dirac-mq-list", "--watch", "q", "--cfg", str(cfg)])
    assert (alone.status, alone.stdout) == (69, "")
    assert "connection refused" in alone.stderr


def test_a_terminal_that_cannot_move_its_cursor(devbroker: Broker) -> None:
    """TERM=dumb gets one table after the other, and no sequences."""
    child = pexpect.spawn(
        str(SCRIPTS / "dirac-mq-list"),
        ["--watch", "--interval", "300ms", "-t", "2s", "demo.jobs"],
        env=devbroker.env("user", TERM="dumb"),
        dimensions=(24, 80),
        encoding="utf-8",
        timeout=20,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert child.before.count("QUEUE      SERVICE") > 1
    assert "\x1b" not in child.before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--interval", "1s"], "--interval goes with --watch"),
        (["--watch", "--interval", "10ms"], "--interval is shorter than 0.1 s"),
        (["--watch", "--explain", "demo.jobs"], "--watch asks brokers"),
    ],
)
def test_refused(devbroker: Broker, argv: list[str], said: str) -> None:
    """Flags that make no sense together are usage errors."""
    done = devbroker.command(["dirac-mq-list", *argv])
    assert (done.status, done.stdout) == (2, "")
    assert said in done.stderr
