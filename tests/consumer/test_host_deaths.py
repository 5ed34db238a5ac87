"""What takes the process with it, or hangs: it loses no message, and ends as a dead letter itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish, rows, take
from support.consumers import Consumer, until
from support.queues import QueueFactory

ENDS = {
    "exit": "os._exit(7)",
    "hang": "time.sleep(1000)",
}

POISON = """
class Module(ConsumerModule):
    def execute(self, message):
        write("begins", message.text, message.tries)
        if message.text == "poison":
            {end}
        write("ends", message.text)
"""


@pytest.mark.parametrize("how", ENDS)
def test_the_message_that_ends_the_process(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, how: str
) -> None:
    """Each end is one try of that message; after MaxTries it is given up, and what came after it is handled."""
    dead, _ = make_queue(Movers="group:dirac_user")
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(
        devbroker,
        tmp_path,
        cfg,
        POISON.format(end=ENDS[how]),
        Queues=name,
        MaxTries=2,
        MaxMessages=2,
        ExecuteTimeout="1s" if how == "hang" else None,
    )
    publish(devbroker, name, "poison", "good")
    statuses = [consumer.run().status for _ in range(2)]
    assert statuses == {"exit": [7, 7], "hang": [1, 1]}[how]
    devbroker.wait_count(name, 2, timeout=30)
    done = consumer.run()
    assert done.status == 0, done.stderr
    assert consumer.written == ["begins poison 0", "begins poison 1", "begins good 0", "ends good"]
    assert "message (no id) of" in done.stderr
    assert "was being executed when the last process ended" in done.stderr
    peeked = devbroker.command(["dirac-mq", "peek", dead, "--cfg", str(cfg), "-j"])
    (row,) = rows(peeked)
    assert (row["body"], "ended the consumer" in row["headers"]["dirac-moved"]["reason"]) == ("poison", True)
    assert devbroker.count(name) == 0


BESIDE = """
class Module(ConsumerModule):
    def execute(self, message):
        write("begins", message.text)
        if message.text == "poison":
            if self.surroundings.concurrency == 2 and not os.path.exists(os.environ["OUT"] + ".alone"):
                while not wrote("begins slow"):
                    time.sleep(0.01)
            os._exit(7)
        deadline = time.monotonic() + 1
        while message.text == "slow" and time.monotonic() < deadline:
            time.sleep(0.01)
        write("ends", message.text)
"""


def test_the_innocent_beside_it(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """What is executed beside a message that ends the process is blamed at first; then each is alone, and one is it."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, BESIDE, Queues=name, MaxTries=3, Concurrency=2, Prefetch=2)
    publish(devbroker, name, "slow", "poison")
    for run in range(10):
        if run == 2:
            Path(consumer.environment["OUT"] + ".alone").touch()
        done = consumer.run("-o", f"MaxMessages={devbroker.count(name)}")
        if done.status == 0:
            break
        assert done.status == 7, done.stderr
        until(lambda: devbroker.count(name) > 0, lambda: str(consumer.written))  # what was in hand is back
    assert [body for _, _, body in take(devbroker, dead)] == [b"poison"]
    assert "ends slow" in consumer.written
    assert devbroker.count(name) == 0


LEAKS = """
class Module(ConsumerModule):
    def execute(self, message):
        if message.text == "leak":
            hoard = []
            while True:
                hoard.append(bytearray(16 * 1024 * 1024))
        write("ends", message.text)
"""


def test_what_needs_too_much_memory(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """With a limit to the process's memory it is a failed try as any other, or an end of the process; not a loss."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, LEAKS, Queues=name, MaxTries=2, MaxMessages=2)
    publish(devbroker, name, "leak", "good")
    limited = [
        "prlimit",
        f"--as={600 * 1024 * 1024}",
        str(Path(devbroker.env()["PATH"].split(":")[0]) / "dirac-consumer"),
    ]
    for _ in range(4):
        done = devbroker.command([*limited, *consumer.argv[1:]], **consumer.environment)
        if done.status == 0:
            break
    assert done.status == 0, done.stderr
    assert [body for _, _, body in take(devbroker, dead)] == [b"leak"]
    assert consumer.written == ["ends good"]
    assert devbroker.count(name) == 0


def test_without_a_place_to_remember(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A control directory that cannot be is told, and the consumer runs."""
    name, cfg = make_queue()
    (tmp_path / "file").touch()
    code = "class Module(ConsumerModule):\n    def execute(self, message):\n        write(message.text)\n"
    consumer = Consumer(
        devbroker,
        tmp_path,
        cfg,
        code,
        Queues=name,
        MaxMessages=1,
        RejectTo=tmp_path / "rejects",
        ControlDirectory=tmp_path / "file" / "below",
    )
    publish(devbroker, name, "x")
    done = consumer.run()
    assert (done.status, consumer.written) == (0, ["x"])
    assert "a message that ends the process will not be known again" in done.stderr
    assert "only a signal ends this consumer" in done.stderr


SHARED = """
class Module(ConsumerModule):
    def execute(self, message):
        write("begins", os.getpid())
        deadline = time.monotonic() + 50
        while len({line for line in open(os.environ["OUT"]).read().splitlines()}) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
"""


def test_two_copies_share_the_work(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """And a control directory: each has a file of its own in it, and one stop file ends both."""
    name, cfg = make_queue()
    consumer = Consumer(devbroker, tmp_path, cfg, SHARED, Queues=name, Prefetch=1, RejectTo=tmp_path / "rejects")
    publish(devbroker, name, "a", "b")
    with consumer.running() as one, consumer.running() as two:
        consumer.writes("begins", 2)
        until(lambda: (consumer.control / "in-hand.1").exists(), lambda: one.stderr + two.stderr)
        until(lambda: devbroker.count(name) == 0, lambda: one.stderr + two.stderr)
        (consumer.control / "stop_consumer").touch()
        ends = [one.end(60), two.end(60)]
    assert [end.status for end in ends] == [0, 0]
    assert ["1 handled" in end.stderr for end in ends] == [True, True]
