"""``dirac-consumer``: a module's messages, and what becomes of each by how ``execute`` ends."""

from __future__ import annotations

import signal
from pathlib import Path

from support.broker import Broker
from support.commands import publish
from support.consumers import Consumer
from support.queues import QueueFactory

STORY = """
class Module(ConsumerModule):
    def initialize(self):
        option = self.option
        write("initialize", self.name, option("Greeting", ""), option("Number", 7), option("List", ["x"]))

    def execute(self, message):
        write("execute", message.text, message.tries, message.sender)
        if message.text == "later" and not os.path.exists(os.environ["OUT"] + ".seen"):
            open(os.environ["OUT"] + ".seen", "w").close()
            raise Retry("not yet", after=0.1)
        if message.text == "wrong":
            raise Reject("it is wrong")
        if message.text == "fails":
            raise ValueError("always")
        if message.text == "S_ERROR":
            return {"OK": False, "Message": "as DIRAC says it"}
        if message.text == "exits":
            sys.exit("let me out")

    def finalize(self):
        write("finalize")
"""


def test_every_end(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """What returns is gone, Retry comes again and is no failed try, the rest is tried and given up; then SIGTERM."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, STORY, Queues=name, MaxTries=2, Greeting="hello", List="a, b")
    publish(devbroker, name, "good", "later", "wrong", "fails", "S_ERROR", "exits")
    with consumer.running() as process:
        devbroker.wait_count(dead, 4, timeout=30)
        consumer.writes("execute later", 2)
        process.signal(signal.SIGTERM)
        done = process.end()
    assert (done.status, done.stdout) == (0, "")
    assert devbroker.count(name) == 0
    said = consumer.written
    assert said[0] == f"initialize Test/{consumer.name} hello 7 ['a', 'b']"
    assert said[-1] == "finalize"
    user = "None"  # these bear no user_id
    executed = [line for line in said if line.startswith("execute")]
    assert executed.count(f"execute good 0 {user}") == 1
    assert executed.count(f"execute later 0 {user}") == 2
    assert executed.count(f"execute wrong 0 {user}") == 1
    for poison in ("fails", "S_ERROR", "exits"):
        assert [line for line in executed if poison in line] == [
            f"execute {poison} 0 {user}",
            f"execute {poison} 1 {user}",
        ]
    for word in ("it is wrong", "ValueError: always", "as DIRAC says it", "SystemExit: let me out"):
        assert word in done.stderr
