"""The life of a ``Queue``: signals, forks, other threads, and programs that forget to close."""

from __future__ import annotations

import signal
import time

import pytest
from support.broker import Broker
from support.commands import take
from support.faultproxy import FaultProxy
from support.programs import program
from support.queues import QueueFactory

_TAKE = """
import signal, sys, time
from diracmq_cli import open_queue
how, name, cfg = sys.argv[1:]
from diracmq_cli.api import Choices
with open_queue(name, setup=Choices(cfg_files=(cfg,))) as queue:
    signal.signal(signal.SIGTERM, lambda *_: getattr(queue, how)())
    for message in queue.messages(prefetch=5):
        print("has", message.text)
        if message.text == "2":
            time.sleep(1)  # the signal comes now, or in the wait for a third
        try:
            print("acknowledged", message.ack())
        except Exception as error:
            print(type(error).__name__)
print("end")
"""


@pytest.mark.parametrize(
    ("how", "then", "left"), [("stop", "acknowledged True", []), ("close", "UsageError", ["2"])], ids=["stop", "close"]
)
def test_a_signal_while_the_program_works(
    devbroker: Broker, make_queue: QueueFactory, how: str, then: str, left: list[str]
) -> None:
    """stop lets the message in hand be finished and takes no other; close puts it back at once."""
    name, cfg = make_queue()
    _fill(devbroker, name, "1", "2", "3")
    with program(devbroker, _TAKE, how, name, str(cfg)) as run:
        run.says("has 2")
        run.process.send_signal(signal.SIGTERM)
        assert run.ends_within(10) == (0, f"{then}\nend\n")
    devbroker.wait_count(name, len(left) + 1)
    assert [body.decode() for _, _, body in take(devbroker, name)] == [*left, "3"]


@pytest.mark.parametrize("how", ["stop", "close"])
def test_a_signal_while_it_waits(devbroker: Broker, make_queue: QueueFactory, how: str) -> None:
    """Either ends the wait at once, and the loop with it."""
    name, cfg = make_queue()
    _fill(devbroker, name, "1")
    with program(devbroker, _TAKE, how, name, str(cfg)) as run:
        run.says("acknowledged True")
        time.sleep(0.2)
        run.process.send_signal(signal.SIGTERM)
        assert run.ends_within(10) == (0, "end\n")


_PUBLISH = """
import signal, sys, time
from diracmq_cli import MQError, open_queue
from diracmq_cli.api import Choices
with open_queue("demo.jobs", setup=Choices(broker=sys.argv[1]), outage=60) as queue:
    signal.signal(signal.SIGTERM, lambda *_: queue.close())
    queue.publish("1")
    print("ready")
    time.sleep(0.5)
    try:
        queue.publish_many(map(str, range(100)))
    except MQError as error:
        print(type(error).__name__, error)
print("end")
"""


def test_a_signal_while_it_publishes(devbroker: Broker, fault_proxy: FaultProxy) -> None:
    """close leaves two seconds for confirms, and what was not confirmed then is told."""
    with program(devbroker, _PUBLISH, fault_proxy.url) as run:
        run.says("ready")
        fault_proxy.stall()
        time.sleep(1)
        run.process.send_signal(signal.SIGTERM)
        status, said = run.ends_within(15)
    assert (status, said) == (0, "TemporaryFailure closed before the broker had answered\nend\n")
    devbroker.purge("demo.jobs")


_FORK = """
import os
from diracmq_cli import MQError, open_queue
with open_queue("demo.jobs") as queue:
    queue.publish("1")
    messages = queue.messages()
    message = next(messages)
    child = os.fork()
    if not child:
        for use in (lambda: queue.publish("2"), lambda: next(messages)):
            try:
                use()
            except MQError as error:
                print(error)
        queue.close()
        with open_queue("demo.jobs") as own:
            print(own.publish("3").outcome)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
    print(message.ack(), queue.publish("4").outcome)
"""


def test_a_fork(devbroker: Broker) -> None:
    """The child is refused and may open its own; the parent's connections are none the worse."""
    devbroker.purge("demo.jobs")
    with program(devbroker, _FORK) as run:
        status, said = run.ends()
    refused = "dev::Queues::demo.jobs was opened before this process was forked"
    assert (status, said.splitlines()) == (0, [refused, refused, "confirmed", "0", "True confirmed"])
    assert [body for _, _, body in take(devbroker, "demo.jobs")] == [b"3", b"4"]


_FORGET = """
from diracmq_cli import open_queue
queue = open_queue("demo.jobs")
queue.publish_many(map(str, range(10)))
messages = queue.messages(prefetch=5)
print(next(messages).text)
"""


def test_a_program_that_forgets_to_close(devbroker: Broker) -> None:
    """It ends all the same, and what it had in hand is back."""
    devbroker.purge("demo.jobs")
    with program(devbroker, _FORGET) as run:
        assert run.ends_within(10) == (0, "0\n")
    devbroker.wait_count("demo.jobs", 10)
    devbroker.purge("demo.jobs")


_INTERRUPTED = """
from diracmq_cli import open_queue
try:
    with open_queue("demo.jobs") as queue:
        print("waits")
        queue.consume(print)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt(devbroker: Broker) -> None:
    """Without a handler of its own a program sees KeyboardInterrupt, and the queue is closed on the way out."""
    devbroker.purge("demo.jobs")
    with program(devbroker, _INTERRUPTED) as run:
        run.says("waits")
        time.sleep(0.5)
        run.process.send_signal(signal.SIGINT)
        assert run.ends_within(10) == (0, "interrupted\n")


def _fill(broker: Broker, name: str, *texts: str) -> None:
    with broker.channel() as channel:
        for text in texts:
            channel.basic_publish(f"{name}.x", "", text.encode())
