"""Consumers as operators run them: a CFG with the consumer's section, the module that it names, the process."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from support.broker import Broker, Completed
from support.commands import Running, running

PATIENCE = 120.0
"""Seconds for anything that a test waits for: the machine may be busy."""

_numbers = itertools.count(1)


class Consumer:
    """The consumer ``Test/<name>`` of a CFG in ``directory``, and how its process is started.

    ``code`` is the body of its module, whose class is ``Module`` and which may call ``write``; options are the CS's
    own, ``Queues`` among them.
    """

    def __init__(self, broker: Broker, directory: Path, cfg: Path, code: str, **options: object) -> None:
        number = next(_numbers)
        self.broker, self.name = broker, f"Case{number}"
        module = directory / f"case_module_{number}.py"
        module.write_text(_HEAD + code)
        self.control = directory / f"control-{number}"
        given = {"Module": f"{module.stem}:Module", "ControlDirectory": self.control, "RetryDelay": "1ms", **options}
        body = "\n".join(f"{option} = {value}" for option, value in given.items() if value is not None)
        self.cfg = directory / f"consumer-{number}.cfg"
        self.cfg.write_text(f"Systems\n{{\nTest\n{{\nConsumers\n{{\n{self.name}\n{{\n{body}\n}}\n}}\n}}\n}}\n")
        self.argv = ["dirac-consumer", f"Test/{self.name}", "--cfg", str(cfg), "--cfg", str(self.cfg)]
        self._out = directory / f"out-{number}"
        self.environment = {"PYTHONPATH": str(directory), "OUT": str(self._out)}

    @property
    def written(self) -> list[str]:
        """The lines that the module has written."""
        return self._out.read_text().splitlines() if self._out.exists() else []

    def writes(self, line: str, times: int = 1) -> None:
        """Wait until the module has written a line (or the beginning of one) so often."""
        until(lambda: sum(written.startswith(line) for written in self.written) >= times, lambda: str(self.written))

    @contextmanager
    def running(self, *more: str, role: str = "user", prefix: tuple[str, ...] = ()) -> Iterator[Running]:
        """The process, run by the command ``prefix`` if there is one; a test waits for what it is to have done."""
        with running(self.broker, [*prefix, *self.argv, *more], role, **self.environment) as process:
            yield process

    def run(self, *more: str, role: str = "user") -> Completed:
        """Run it to its end."""
        return self.broker.command([*self.argv, *more], role, timeout=PATIENCE, **self.environment)


def until(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.02)


_HEAD = """
import faulthandler, os, signal, sys, time
faulthandler.register(signal.SIGUSR1)
from diracmq_cli import ConsumerModule, Reject, Retry

def write(*words):
    with open(os.environ["OUT"], "a") as out:
        print(*words, file=out)

def wrote(line):
    return os.path.exists(os.environ["OUT"]) and line in open(os.environ["OUT"]).read().splitlines()

"""
