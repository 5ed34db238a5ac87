"""How a consumer ends: what is being executed is finished and settled, the rest is where it was."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish, take
from support.consumers import Consumer
from support.queues import QueueFactory

SLOW = """
class Module(ConsumerModule):
    def execute(self, message):
        write("begins", message.text)
        deadline = time.monotonic() + 100
        while not os.path.exists(os.environ["OUT"] + ".go"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        write("ends", message.text)

    def finalize(self):
        write("finalize")
"""


@pytest.fixture
def slow(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> Consumer:
    """A consumer whose module takes until it is let go."""
    name, cfg = make_queue()
    publish(devbroker, name, *"abcde")
    return Consumer(devbroker, tmp_path, cfg, SLOW, Queues=name, Prefetch=3, RejectTo=tmp_path / "rejects")


def _let_go(consumer: Consumer) -> None:
    Path(consumer.environment["OUT"] + ".go").touch()


def _queue(consumer: Consumer) -> str:
    return next(line.split()[-1] for line in consumer.cfg.read_text().splitlines() if line.startswith("Queues"))


@pytest.mark.parametrize("how", ["SIGTERM", "SIGINT", "file"])
def test_what_is_in_hand_is_finished(devbroker: Broker, slow: Consumer, how: str) -> None:
    """The message that is being executed is acknowledged, those that wait behind it are back, in order."""
    with slow.running() as process:
        slow.writes("begins a")
        if how == "file":
            (slow.control / "stop_consumer").touch()
        else:
            process.signal(getattr(signal, how))
        process.says("stop_consumer is there" if how == "file" else "told to end", timeout=60)
        _let_go(slow)
        done = process.end(60)
    assert (done.status, done.stdout) == (0, "")
    assert slow.written == ["begins a", "ends a", "finalize"]
    assert [body for _, _, body in take(devbroker, _queue(slow))] == [b"b", b"c", b"d", b"e"]
    assert "1 handled, 2 returned" in done.stderr


def test_a_second_signal_ends_it_at_once(devbroker: Broker, slow: Consumer) -> None:
    """By the signal; the message goes back, too."""
    with slow.running() as process:
        slow.writes("begins a")
        process.signal(signal.SIGTERM)
        process.says("told to end", timeout=60)
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert (done.status, done.stdout) == (-signal.SIGTERM, "")
    devbroker.wait_count(_queue(slow), 5, timeout=30)


def test_an_old_stop_file_stops_nothing(devbroker: Broker, slow: Consumer) -> None:
    """It was for the run before, and is removed."""
    slow.control.mkdir()
    (slow.control / "stop_consumer").touch()
    _let_go(slow)
    done = slow.run("-o", "MaxMessages=5")
    assert done.status == 0
    assert not (slow.control / "stop_consumer").exists()
    assert slow.written.count("finalize") == 1
    assert "5 handled" in done.stderr


def test_what_is_put_off_goes_back_too(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A message that waits for its next try when the end comes is in its queue again."""
    name, cfg = make_queue()
    code = "class Module(ConsumerModule):\n    def execute(self, message):\n        raise Retry(after=3600)\n"
    consumer = Consumer(devbroker, tmp_path, cfg, code, Queues=name, RejectTo=tmp_path / "rejects")
    publish(devbroker, name, "x")
    with consumer.running() as process:
        process.says("comes again in 1h", timeout=60)
        process.signal(signal.SIGTERM)
        assert process.end(60).status == 0
    assert devbroker.count(name) == 1
