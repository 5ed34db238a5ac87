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

HEAVY = (
    "rich",
    "pydantic",
    "asyncio",
    "unittest",  # by M2Crypto's classes
    "M2Crypto.EVP",
    "M2Crypto.X509",
    "diraccfg",  # the CS is kept, read and typed, from one command to the next
    "json",
    "typer.rich_utils",
    "importlib.metadata",
)
NOT_OURS = ("diracmq_cli.devbroker", "diracmq_cli.admin", "diracmq_cli.cli.docs", "diracmq_cli.cli.devbroker")


def _loaded(broker: Broker, tmp_path: Path, verb: str, *argv: str) -> set[str]:
    """The modules that a run of one command has imported by its end, the CS being known from an earlier one."""
    file = tmp_path / "modules"
    broker.command(["dirac-mq-list"])
    done = broker.command([sys.executable, "-c", _TELL.format(verb=verb), str(file), *argv])
    assert done.status in (0, 3), done.stderr
    return set(file.read_text().splitlines())


def _among(modules: set[str], names: tuple[str, ...]) -> list[str]:
    return [module for module in sorted(modules) if any(module == n or module.startswith(f"{n}.") for n in names)]


def test_send(devbroker: Broker, tmp_path: Path) -> None:
    """send loads nothing heavy, and no code of what it does not do: reading, judging, signing, keeping, -l, -j."""
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
            "cli.readerflags",
            "wiring.acceptance",
            "wiring.consuming",
            "wiring.judging",
            "wiring.keeping",
            "wiring.peeking",
            "wiring.tailing",
            "operations.drain",
            "operations.handle",
            "operations.kept",
            "operations.reading",
            "input.lines",
            "input.envelopes",
            "origin",
            "spool",
            "seen",
            "output.child",
            "output.save",
            "config.loading",
            "broker.receiver",
            "broker.inspector",
            "core.envelope",
            "core.moved",
            "core.policy",
            "core.registry",
            "core.spool",
            "core.stampfields",
            "core.verdict",
        )
    )
    assert _among(modules, (*NOT_OURS, *others)) == []


@pytest.mark.parametrize("argv", [("peek", "demo.jobs"), ("consume", "demo.jobs", "--drain"), ("list_",)])
def test_the_others(devbroker: Broker, tmp_path: Path, argv: tuple[str, ...]) -> None:
    """The readers load nothing heavy either, and none of the code of signatures while no message bears one."""
    devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x"])
    signatures = ("diracmq_cli.origin", "diracmq_cli.core.stampfields", "hashlib")
    modules = _loaded(devbroker, tmp_path, *argv)
    devbroker.purge("demo.jobs")
    assert _among(modules, (*HEAVY, *NOT_OURS, *signatures)) == []


def test_help(devbroker: Broker, tmp_path: Path) -> None:
    """Help needs neither a broker's nor a credential's code."""
    modules = _loaded(devbroker, tmp_path, "send", "--help")
    assert _among(modules, (*HEAVY, *NOT_OURS, "pika", "M2Crypto", "diraccfg")) == []


def test_an_operators_commands(devbroker: Broker, tmp_path: Path) -> None:
    """dirac-mq itself knows the names of the broker commands, and loads one only when it is asked for."""
    ours = ("diracmq_cli.admin", *(f"diracmq_cli.cli.broker.{verb}" for verb in ("render", "diff", "apply", "trust")))
    assert _among(_loaded(devbroker, tmp_path, "main", "send", "--help"), ours) == []
    assert "diracmq_cli.cli.broker.render" in _loaded(devbroker, tmp_path, "main", "broker", "--help")
