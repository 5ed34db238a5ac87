"""What the everyday commands load: a heavy import is paid for by every message that a script sends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.broker import Broker

_TELL = """
import atexit, sys
file = sys.argv.pop(1)
atexit.register(lambda: open(file, "w").write("\\n".join(sorted(sys.modules))))
from diracmq_cli.cli import {verb} as run
run()
"""

HEAVY = ("rich", "pydantic", "M2Crypto.SMIME", "M2Crypto.SSL", "typer.rich_utils", "importlib.metadata")
NOT_OURS = ("diracmq_cli.devbroker", "diracmq_cli.admin", "diracmq_cli.cli.docs", "diracmq_cli.cli.devbroker")


def _loaded(broker: Broker, tmp_path: Path, verb: str, *argv: str) -> set[str]:
    """The modules that a run of one command has imported by its end."""
    file = tmp_path / "modules"
    done = broker.command([sys.executable, "-c", _TELL.format(verb=verb), str(file), *argv])
    assert done.status in (0, 3), done.stderr
    return set(file.read_text().splitlines())


def _among(modules: set[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in sorted(modules) if any(module == n or module.startswith(f"{n}.") for n in names)]


def test_send(devbroker: Broker, tmp_path: Path) -> None:
    """send loads no rich, no pydantic, of M2Crypto neither SMIME nor SSL, and no code of other verbs."""
    devbroker.purge("demo.jobs")
    modules = _loaded(devbroker, tmp_path, "send", "demo.jobs", "-m", "x")
    devbroker.purge("demo.jobs")
    assert "pika.connection" in modules, "the list is not what it should be"
    assert _among(modules, HEAVY) == []
    others = tuple(
        f"diracmq_cli.{each}"
        for each in (
            "cli.consume",
            "cli.peek",
            "cli.tail",
            "cli.list",
            "wiring.consuming",
            "wiring.peeking",
            "wiring.tailing",
            "operations.handle",
            "output.child",
            "output.save",
        )
    )
    assert _among(modules, (*NOT_OURS, *others)) == []


@pytest.mark.parametrize("argv", [("peek", "demo.jobs"), ("consume", "demo.jobs", "--drain"), ("list_",)])
def test_the_others(devbroker: Broker, tmp_path: Path, argv: tuple[str, ...]) -> None:
    """The readers load no rich either, and nothing of the devbroker."""
    assert _among(_loaded(devbroker, tmp_path, *argv), (*HEAVY, *NOT_OURS)) == []


def test_help(devbroker: Broker, tmp_path: Path) -> None:
    """Help needs neither a broker's nor a credential's code."""
    modules = _loaded(devbroker, tmp_path, "send", "--help")
    assert _among(modules, (*HEAVY, *NOT_OURS, "pika", "M2Crypto", "diraccfg")) == []


def test_an_operators_commands(devbroker: Broker, tmp_path: Path) -> None:
    """dirac-mq itself knows the names of the broker commands, and loads one only when it is asked for."""
    ours = ("diracmq_cli.admin", *(f"diracmq_cli.cli.broker.{verb}" for verb in ("render", "diff", "apply", "trust")))
    assert _among(_loaded(devbroker, tmp_path, "main", "send", "--help"), ours) == []
    assert "diracmq_cli.cli.broker.render" in _loaded(devbroker, tmp_path, "main", "broker", "--help")
