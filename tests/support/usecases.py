"""Consumers of the use cases as an operator runs them: a section of the CS, ``dirac-consumer``, and senders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from support.broker import Broker
from support.commands import Running, running

NAME = "Test/Consumer"


def section(queue: str, module: str, **options: object) -> str:
    """The CFG of ``Test/Consumer``, which retries without much ado."""
    lines: Mapping[str, object] = {"Queues": queue, "Module": module, "RetryDelay": "200ms", **options}
    body = "\n".join(f"{option} = {value}" for option, value in lines.items())
    for part in reversed(["Systems", "Test", "Consumers", "Consumer"]):
        body = f"{part}\n{{\n{body}\n}}"
    return body + "\n"


@contextmanager
def consumer(
    broker: Broker, directory: Path, queues: Path, queue: str, module: str, *argv: str, **options: object
) -> Iterator[Running]:
    """A consumer that takes messages by now; ``queues`` is the CFG that knows its queue."""
    cfg = directory / "consumer.cfg"
    cfg.write_text(section(queue, module, **options))
    with component(broker, directory, NAME, "--cfg", str(queues), "--cfg", str(cfg), *argv) as started:
        yield started


@contextmanager
def component(broker: Broker, directory: Path, name: str, *argv: str, **environment: str) -> Iterator[Running]:
    """``dirac-consumer`` with arguments, which takes messages by now."""
    state = str(directory / "state")
    places = {"XDG_STATE_HOME": state, "DIRAC_ROOT_PATH": state, **environment}
    with running(broker, ["dirac-consumer", name, *argv], **places) as started:
        started.says("takes from", 60)
        yield started
