"""The examples run as they are shipped, and a user's strict type checker has nothing to say of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.broker import Broker, Completed
from support.commands import take

import diracmq_cli
from diracmq_cli import api

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))


def _run(broker: Broker, example: str, *argv: str, **environment: str) -> Completed:
    return broker.command([sys.executable, str(EXAMPLES / example), *argv], **environment)


def test_publish(devbroker: Broker, tmp_path: Path) -> None:
    """It publishes 1001 messages, or keeps them; with neither broker nor spool it ends as dirac-mq-send would."""
    devbroker.purge("demo.jobs")
    done = _run(devbroker, "publish.py", "demo.jobs")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1] == "1000 sent, 1000 confirmed"
    got = take(devbroker, "demo.jobs")
    assert (len(got), got[0][2], got[-1][1].headers["run"]) == (1001, b"payload started", 999)
    nowhere = {"DIRAC_MQ_BROKER": "amqps://localhost:1/dirac"}
    done = _run(devbroker, "publish.py", "demo.jobs", str(tmp_path / "spool"), **nowhere)
    assert done.status == 0, done.stderr
    assert done.stdout.splitlines()[1] == "1000 sent, 0 confirmed, 1000 spooled"
    done = _run(devbroker, "publish.py", "demo.jobs", **nowhere)
    assert (done.status, done.stdout) == (69, "")
    assert "connection refused" in done.stderr


def test_consume(devbroker: Broker) -> None:
    """It takes what is there and forwards a result for each."""
    devbroker.purge("demo.jobs", "demo.pilots")
    assert devbroker.command(["dirac-mq-send", "demo.jobs", "-l"], input="a\nb\n").status == 0
    done = _run(devbroker, "consume.py", "demo.jobs", "demo.pilots")
    assert (done.status, done.stderr) == (0, "")
    dn = devbroker.dn("user")
    assert done.stdout.splitlines() == [f"a from {dn}", f"b from {dn}", "2 handled"]
    assert devbroker.count("demo.jobs") == 0
    assert [body for _, _, body in take(devbroker, "demo.pilots")] == [b"a: done", b"b: done"]


def test_logging_handler(devbroker: Broker) -> None:
    """Its records are in the queue, the traceback too; the debug one is not."""
    devbroker.purge("demo.jobs")
    done = _run(devbroker, "logging_handler.py", "demo.jobs")
    assert (done.status, done.stdout) == (0, "0 dropped, 0 waiting\n")
    got = [body.decode() for _, _, body in take(devbroker, "demo.jobs")]
    assert len(got) == 3
    assert "ZeroDivisionError" in got[1]


def test_the_page(devbroker: Broker) -> None:
    """The program at the head of the API's page runs."""
    devbroker.purge("demo.jobs")
    page = api.__doc__ or ""
    lines = page.partition("::\n\n")[2].splitlines()
    program = [line[4:] for line in lines[: next(n for n, line in enumerate(lines) if line[:1].strip())]]
    done = devbroker.command([sys.executable, "-c", "\n".join(program)])
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"payload started broker {devbroker.dn('user')}\n"


def test_types(tmp_path: Path) -> None:
    """mypy --strict passes on all of them, from outside, and finds what is wrong."""
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from diracmq_cli import open_queue\n"
        "with open_queue('x') as queue:\n"
        "    queue.publish(1)\n"
        "    for message in queue.messages():\n"
        "        message.bdoy\n"
    )
    argv = [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]
    done = subprocess.run(
        [*argv, *map(str, PROGRAMS), str(wrong)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert [line.split(":")[0:2] for line in found] == [["wrong.py", "3"], ["wrong.py", "5"]], done.stdout


@pytest.mark.parametrize("module", [diracmq_cli, api], ids=["package", "api"])
def test_what_is_exported(module: object) -> None:
    """Every name is there."""
    for name in module.__all__:  # type: ignore[attr-defined]
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        diracmq_cli.nonesuch  # noqa: B018


def test_the_package_is_light(devbroker: Broker) -> None:
    """To import it loads nothing of the API; to import the API loads neither pika nor M2Crypto nor rich nor typer."""
    script = "import sys, json, {}; print(json.dumps(sorted(sys.modules)))"
    light = json.loads(devbroker.command([sys.executable, "-c", script.format("diracmq_cli")]).stdout)
    assert [name for name in light if name.startswith("diracmq_cli")] == ["diracmq_cli", "diracmq_cli.version"]
    whole = json.loads(devbroker.command([sys.executable, "-c", script.format("diracmq_cli.api")]).stdout)
    assert {"pika", "M2Crypto", "rich", "typer"}.isdisjoint(name.partition(".")[0] for name in whole)
