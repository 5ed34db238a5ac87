"""What is wrong with a consumer, a queue or a command line: exit status, stdout, stderr."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish
from support.consumers import Consumer
from support.queues import QueueFactory

ECHO = "class Module(ConsumerModule):\n    def execute(self, message):\n        write(message.text)\n"

Make = Callable[..., Consumer]


@pytest.fixture
def make(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> Make:
    """Make a consumer of a queue that has no dead letters, with these options beside a RejectTo."""
    name, cfg = make_queue()

    def make(code: str = ECHO, **options: object) -> Consumer:
        return Consumer(devbroker, tmp_path, cfg, code, **{"Queues": name, "RejectTo": tmp_path / "r", **options})

    return make


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"Queues": None}, "no Queues: what should it take?"),
        ({"Queues": "nowhere"}, "nowhere is not known to the configuration"),
        ({"Module": "nowhere"}, "no consumer module 'nowhere' is installed; there is "),
        ({"Module": "no.such:Thing"}, "cannot import no.such:Thing: ModuleNotFoundError"),
        ({"Module": "json:dumps"}, "json:dumps is no ConsumerModule"),
        ({"Module": None}, "DIRAC"),
        ({"Concurrency": "many"}, "'many' is not a whole number from 1 to 100"),
        ({"RetryDelay": "soon"}, "'soon' is not a duration such as"),
        ({"LogLevel": "LOUD"}, "'LOUD' is none of debug, verbose"),
        ({"Status": "Perhaps"}, "'Perhaps' is none of active, stopped"),
        ({"AllowedDNs": "Jane"}, "'Jane' is not a DN"),
        ({"RejectTo": None}, "has no dead-letter queue: what is given up would be destroyed"),
    ],
)
def test_what_is_refused_at_the_start(make: Make, options: dict[str, object], said: str) -> None:
    """1, the option and its place, nothing taken."""
    done = make(**options).run()
    assert (done.status, done.stdout) == (1, "")
    error = next(line for line in done.stderr.splitlines() if line.startswith("dirac-consumer: error: "))
    assert said in error
    assert "Traceback" not in done.stderr


def test_no_right_to_read(make: Make) -> None:
    """1, and who may not read what."""
    done = make().run(role="stranger")
    assert (done.status, done.stdout) == (1, "")
    assert "dirac-consumer: error: " in done.stderr


SINGLE = "class Module(ConsumerModule):\n    single = True\n    def execute(self, message):\n        pass\n"
BAD_OPTION = "class Module(ConsumerModule):\n    def initialize(self):\n        self.option('Number', 1)\n"
BAD_START = "class Module(ConsumerModule):\n    def initialize(self):\n        raise OSError('no disk')\n"
BAD_END = ECHO + "    def finalize(self):\n        raise OSError('no disk')\n"


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        (SINGLE, {"Concurrency": 2}, "Module keeps an order, one at a time"),
        (BAD_OPTION, {"Number": "x"}, "'x' is not a whole number"),
        (BAD_START, {}, "the module cannot be initialized: OSError: no disk"),
        (BAD_END, {"MaxMessages": 1}, "the module cannot be finalized: OSError: no disk"),
    ],
)
def test_modules_that_cannot(devbroker: Broker, make: Make, code: str, options: dict[str, object], said: str) -> None:
    """1, with what the module said."""
    consumer = make(code, **options)
    if code is BAD_END:
        queue = next(line.split()[-1] for line in consumer.cfg.read_text().splitlines() if line.startswith("Queues"))
        publish(devbroker, queue, "x")
    done = consumer.run()
    assert (done.status, done.stdout) == (1, "")
    assert f"{said}\n" in done.stderr or f"{said}" in done.stderr.splitlines()[-2]


def test_command_lines(devbroker: Broker, make: Make) -> None:
    """2 for what is no name or no option, 1 for a name that the configuration lacks, 0 for what is stopped."""
    consumer = make()
    for argv in (["Test"], ["A/B/C"], ["--loud"], []):
        done = devbroker.command(["dirac-consumer", *argv])
        assert (done.status, done.stdout) == (2, "")
        assert done.stderr
    done = devbroker.command(["dirac-consumer", "Test/Nobody"])
    assert (done.status, done.stdout) == (1, "")
    assert "/Systems/Test/Consumers/Nobody, with Queues and Module" in done.stderr
    for option in ("Status", f"/Systems/Test/Consumers/{consumer.name}/Status"):
        done = consumer.run("-o", f"{option}=Stopped")
        assert (done.status, done.stdout) == (0, "")
        assert "NOTICE: Status = Stopped in /Systems/Test/Consumers/" in done.stderr
    assert devbroker.command(["dirac-consumer", "--version"]).stdout.startswith("dirac-mq ")


def test_instances(devbroker: Broker, make: Make, tmp_path: Path) -> None:
    """With a setup, the options of the instance's section count first, those of -o before all."""
    consumer = make()
    setup = tmp_path / "setup.cfg"
    section = f"Systems\n{{\nTest\n{{\nProd\n{{\nConsumers\n{{\n{consumer.name}\n{{\nStatus = %s\n}}\n}}\n}}\n}}\n}}\n"
    names = "DIRAC\n{\nNoSetup = False\nSetup = S\nSetups\n{\nS\n{\nTest = Prod\n}\n}\n}\n"
    setup.write_text(names + section % "Stopped")
    assert "NOTICE: Status = Stopped in /Systems/Test/Prod/" in consumer.run("--cfg", str(setup)).stderr
    setup.write_text(names + section % "Active")
    assert "NOTICE: Status = Stopped" in consumer.run("--cfg", str(setup), "-o", "Status=Stopped").stderr
