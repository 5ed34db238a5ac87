"""Programs that use ``diracmq_cli.api``: in the test's own process, or in one that signals are sent to."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.broker import Broker

from diracmq_cli.api import Choices, Queue, Setup, open_queue


def setup(broker: Broker, cfg: Path | None = None, *, url: str | None = None, role: str = "user") -> Setup:
    """Configuration and credentials of a role, as that role's environment has them; ``url`` is another broker's."""
    return Setup(
        Choices(broker=url, cfg_files=() if cfg is None else (str(cfg),), environment=broker.env(role)),
    )


def opened(
    broker: Broker, name: str, cfg: Path | None = None, *, url: str | None = None, role: str = "user", **more: Any
) -> Queue:
    """A queue as a role opens it."""
    return open_queue(name, setup=setup(broker, cfg, url=url, role=role), **more)


class Program:
    """A Python program that runs in the background and says on stdout how far it is."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def says(self, line: str) -> None:
        """Read its standard output up to a line."""
        assert self.process.stdout is not None
        for said in self.process.stdout:  # unbuffered: what comes after the line is left for ``ends``
            if said.decode().rstrip("\n") == line:
                return
        raise AssertionError(f"it ended with {self.process.wait()} and did not say {line!r}")

    def ends(self, timeout: float = 20) -> tuple[int, str]:
        """Its exit status, and what it said since."""
        stdout, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode, stdout.decode()

    def ends_within(self, seconds: float) -> tuple[int, str]:
        """The same, measured."""
        started = time.monotonic()
        ended = self.ends()
        assert time.monotonic() - started < seconds
        return ended


@contextmanager
def program(broker: Broker, script: str, *argv: str, role: str = "user", **environment: str) -> Iterator[Program]:
    """Run a script as a role; it is killed in the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", script, *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        bufsize=0,
        env=broker.env(role, **environment),
        cwd=broker.home,
    )
    try:
        yield Program(process)
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
