"""Many commands at once, forked from one process that has imported everything: their start costs next to nothing.

What is measured of them is then their own time, also on a machine that is busy with other tests.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import forkserver
from support.broker import Completed


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended, and how many seconds it took."""

    status: int
    seconds: float
    stdout: str
    stderr: str


class Fleet:
    """Starts commands (``dirac-mq`` and arguments), so many at once, and gathers how they ended.

    Each takes a fifth of a second of a processor before it waits for something; what is measured is to be the waiting.
    """

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, at_once: int) -> None:
        self._process, self._directory, self._at_once = process, directory, at_once
        self._count = 0
        self._rest = b""
        self._ended: dict[int, Ended] = {}

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        stdin: bytes = b"",
        network: bool = True,
        cwd: Path | None = None,
    ) -> int:
        """Start one in ``cwd`` or a directory of its own, when few enough run; returns its number.

        Without ``network`` it has no route to anywhere.
        """
        self.wait(60, until=self._at_once - 1)
        number, self._count = self._count, self._count + 1
        directory = self._directory / str(number)
        directory.mkdir()
        (directory / "stdin").write_bytes(stdin)
        task = {
            "id": number,
            "arguments": list(arguments),
            "environment": dict(environment),
            "directory": str(directory),
            "network": network,
            "cwd": str(cwd or directory),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(task).encode() + b"\n")
        self._process.stdin.flush()
        return number

    def wait(self, timeout: float, *, until: int = 0) -> Mapping[int, Ended]:
        """Wait until no more than ``until`` run; those missing in the answer have not ended within ``timeout``."""
        deadline = time.monotonic() + timeout
        assert self._process.stdout is not None
        while self._count - len(self._ended) > until:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._process.stdout], [], [], left)[0]:
                break
            octets = os.read(self._process.stdout.fileno(), 65536)
            assert octets, "the fork server has ended"
            *lines, self._rest = (self._rest + octets).split(b"\n")
            for line in lines:
                self._take(**json.loads(line))
        return self._ended

    def run(
        self, arguments: Sequence[str], environment: Mapping[str, str], *, cwd: Path | None = None, timeout: float = 60
    ) -> Completed:
        """Run one to its end."""
        number = self.start(arguments, environment, cwd=cwd)
        ended = self.wait(timeout)[number]
        return Completed(ended.status, ended.stdout, ended.stderr, ended.stdout.encode())

    def _take(self, *, id: int, status: int, seconds: float) -> None:  # noqa: A002 - as the line has it
        stdout, stderr = ((self._directory / str(id) / name).read_text() for name in ("stdout", "stderr"))
        self._ended[id] = Ended(status=status, seconds=seconds, stdout=stdout, stderr=stderr)


@contextmanager
def fleet_in(directory: Path, *, at_once: int) -> Iterator[Fleet]:
    """A fleet whose commands run in directories of their own below ``directory``; all have ended afterwards."""
    paths = os.pathsep.join(str(path) for path in (Path(__file__).parents[1], *sys.path) if str(path))
    with subprocess.Popen(
        [sys.executable, forkserver.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        start_new_session=True,
    ) as process:
        try:
            yield Fleet(process, directory, at_once)
        finally:
            os.killpg(process.pid, 9)
