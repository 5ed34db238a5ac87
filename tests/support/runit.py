"""A consumer as a service under a real ``runsv``."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from support.broker import Completed
from support.consumers import PATIENCE, Consumer
from support.waiting import eventually

_BARE = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
"""The environment of whoever supervises: nothing of a shell's."""


def bashrc(root: Path, environment: Mapping[str, str]) -> None:
    """DIRAC's ``bashrc`` in its root, which sets this environment, but for the PATH."""
    root.mkdir(exist_ok=True)
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in environment.items() if name != "PATH"]
    (root / "bashrc").write_text("".join(lines))


class Service:
    """The service of a consumer in ``directory``, installed by ``--install-runit``."""

    def __init__(self, consumer: Consumer, root: Path, directory: Path, *more: str) -> None:
        self.directory = directory
        self._consumer, self._root, self._more = consumer, root, more
        bashrc(root, consumer.broker.env(**consumer.environment))

    def install(self, *more: str) -> Completed:
        """Run ``dirac-consumer --install-runit``."""
        argv = [*self._consumer.argv, *self._more, "--install-runit", str(self.directory), *more]
        return self._consumer.broker.command(
            argv, timeout=PATIENCE, DIRAC_ROOT_PATH=str(self._root), **self._consumer.environment
        )

    @contextmanager
    def supervised(self) -> Iterator[None]:
        """Under ``runsv``, which has started it; in the end both are gone."""
        process = subprocess.Popen(
            ["runsv", str(self.directory)], env=_BARE, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            eventually(lambda: self._supervise("ok").exists())
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(self._supervise("pid").read_text()), 9)
                process.kill()
                process.wait()

    def sv(self, verb: str) -> str:
        """Tell it something by ``sv``, which waits until it is done; what that says."""
        done = subprocess.run(
            ["sv", "-w", str(int(PATIENCE)), verb, str(self.directory)],
            env=_BARE,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr + self.log
        return done.stdout

    @property
    def pid(self) -> int:
        """Its process, which is there."""
        return int(eventually(self._supervise("pid").read_text, PATIENCE))

    @property
    def log(self) -> str:
        """What it has said, as svlogd keeps it."""
        current = self.directory / "log" / "current"
        return current.read_text() if current.exists() else ""

    def says(self, text: str, times: int = 1) -> None:
        """Wait until that stands in its log so often."""
        eventually(lambda: self.log.count(text) >= times, PATIENCE)

    def _supervise(self, name: str) -> Path:
        return self.directory / "supervise" / name
