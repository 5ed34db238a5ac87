"""``dirac-mq-send`` on a terminal: how far it is, and nothing of that elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pexpect
from support.broker import Broker
from support.commands import shell

SLOW = "(seq 1000; sleep 2; seq 1000) | dirac-mq-send demo.jobs -l"


def _on_a_terminal(broker: Broker, script: str, **environment: str) -> str:
    child = pexpect.spawn("bash", ["-c", script], env=broker.env(**environment), dimensions=(24, 80), timeout=60)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    return str(child.before.decode())


def test_a_bar_for_long_input(devbroker: Broker) -> None:
    """After a second there is a bar with figures; it is erased before the summary, the last thing that is left."""
    shown = _on_a_terminal(devbroker, SLOW, TERM="xterm")
    devbroker.purge("demo.jobs")
    assert "1000 sent, 1000 confirmed" in shown
    *_, last = re.split(r"\x1b\[2K", shown)
    assert last == "dirac-mq-send: dev::Queues::demo.jobs: 2000 sent, 2000 confirmed\r\n"


def test_what_is_said_stands_alone(devbroker: Broker, tmp_path: Path) -> None:
    """A line on stderr begins where the bar was, and the bar comes back below it."""
    long = "(seq 10; sleep 2; seq 10; sleep 1; seq 10) | dirac-mq-send demo.jobs -l --spool-ok --outage 2s"
    option = "-o /Resources/MQServices/dev/Port=1"
    shown = _on_a_terminal(devbroker, f"{long} --spool={tmp_path / 'spool'} {option}", TERM="xterm")
    assert "spooled" in shown
    for line in re.findall(r"[^\r\n]*trying again in", shown):
        assert line.rpartition("\x1b[2K")[2].startswith("dirac-mq-send: "), line


def test_no_bar_elsewhere(devbroker: Broker) -> None:
    """Neither in a pipe, nor with -q, nor for what ends at once."""
    piped = shell(devbroker, SLOW)
    assert re.fullmatch(r"\S+Z dirac-mq-send: dev::Queues::demo.jobs: 2000 sent, 2000 confirmed\n", piped.stderr)
    assert piped.stdout == ""
    assert _on_a_terminal(devbroker, f"{SLOW} -q") == ""
    short = _on_a_terminal(devbroker, "seq 10 | dirac-mq-send demo.jobs -l")
    assert short == "dirac-mq-send: dev::Queues::demo.jobs: 10 sent, 10 confirmed\r\n"
    devbroker.purge("demo.jobs")
