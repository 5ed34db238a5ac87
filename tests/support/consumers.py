"""Consumers as operators run them: a CFG with the consumer's section, the module that it names, the process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.broker import Broker, Completed
from support.commands import Running, running

_numbers = itertools.count(1)


class Consumer:
    """The consumer ``Test/<name>`` of a CFG in ``directory``, and how its process is started.

    ``code`` is the body of its module, whose class is ``Module``; options are the CS's own, ``Queues`` among them.
    """

    def __init__(self, broker: Broker, directory: Path, cfg: Path, code: str, **options: str | float) -> None:
        number = next(_numbers)
        self.broker, self.name = broker, f"Case{number}"
        self.directory = directory
        module = directory / f"case_module_{number}.py"
        module.write_text(_HEAD + code)
        self.control = directory / f"control-{number}"
        given = {"Module": f"{module.stem}:Module", "ControlDirectory": self.control, "RetryDelay": "1ms", **options}
        body = "\n".join(f"{option} = {value}" for option, value in given.items() if value is not None)
        self.cfg = directory / f"consumer-{number}.cfg"
        self.cfg.write_text(f"Systems\n{{\nTest\n{{\nConsumers\n{{\n{self.name}\n{{\n{body}\n}}\n}}\n}}\n}}\n")
        self.argv = ["dirac-consumer", f"Test/{self.name}", "--cfg", str(cfg), "--cfg", str(self.cfg)]
        self.environment = {"PYTHONPATH": str(directory), "OUT": str(directory / f"out-{number}")}

    @property
    def written(self) -> list[str]:
        """The lines that the module has written with ``write``."""
        out = Path(self.environment["OUT"])
        return out.read_text().splitlines() if out.exists() else []

    def writes(self, line: str, times: int = 1, timeout: float = 60) -> None:
        """Wait until the module has written a line (or the beginning of one) so often."""
        deadline = time.monotonic() + timeout
        while sum(written.startswith(line) for written in self.written) < times:
            assert time.monotonic() < deadline, f"it did not write {line!r} {times} times but {self.written}"
            time.sleep(0.02)

    @contextmanager
    def running(self, *more: str, role: str = "user") -> Iterator[Running]:
        """The process; it has connected when this returns only if the test waits for that."""
        with running(self.broker, [*self.argv, *more], role, **self.environment) as process:
            yield process

    def run(self, *more: str, role: str = "user", timeout: float = 60) -> Completed:
        """Run it to its end."""
        return self.broker.command([*self.argv, *more], role, timeout=timeout, **self.environment)


_HEAD = """
import os, sys, time
from diracmq_cli import ConsumerModule, Reject, Retry

def write(*words):
    with open(os.environ["OUT"], "a") as out:
        print(*words, file=out)

"""
