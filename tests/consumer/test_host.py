"""``dirac-consumer``: a module's messages, and what becomes of each by how ``execute`` ends."""

from __future__ import annotations

import signal
from pathlib import Path

from support.broker import Broker
from support.commands import publish, rows, take
from support.consumers import Consumer, until
from support.queues import QueueFactory

MOVERS = "group:dirac_user"

STORY = """
class Module(ConsumerModule):
    def initialize(self):
        option = self.option
        write("initialize", self.name, option("Greeting", ""), option("Number", 7), option("List", ["x"]))

    def execute(self, message):
        write("execute", message.text, message.tries, message.sender)
        if message.text == "later" and not wrote("seen"):
            write("seen")
            raise Retry("not yet", after=0.1)
        if message.text == "wrong":
            raise Reject("it is \\udcff\\n wrong")
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
    """What returns is gone, Retry comes again and is no failed try, the rest is tried and given up, with its reason."""
    dead, _ = make_queue(Movers=MOVERS)
    name, cfg = make_queue(DeadLetterQueue=dead, Movers=MOVERS)
    consumer = Consumer(devbroker, tmp_path, cfg, STORY, Queues=name, MaxTries=2, Greeting="hello", List="a, b")
    user = devbroker.dn("user")
    publish(devbroker, name, "good", "later", "wrong", "fails", "S_ERROR", "exits", user_id=user)
    with consumer.running() as process:
        devbroker.wait_count(dead, 4, timeout=60)
        consumer.writes("execute later", 2)
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert (done.status, done.stdout) == (0, "")
    assert devbroker.count(name) == 0
    said = consumer.written
    assert said[0] == f"initialize Test/{consumer.name} hello 7 ['a', 'b']"
    assert said[-1] == "finalize"
    executed = [line.split()[1:3] for line in said if line.startswith("execute")]
    assert all(line.endswith(f" {user}") for line in said if line.startswith("execute"))
    assert sorted(executed) == sorted(
        [["good", "0"], ["later", "0"], ["later", "0"], ["wrong", "0"]]
        + [[poison, tries] for poison in ("fails", "S_ERROR", "exits") for tries in "01"]
    )
    peeked = devbroker.command(["dirac-mq", "peek", dead, "--cfg", str(cfg), "-j"])
    reasons = {row["body"]: row["headers"]["dirac-moved"]["reason"] for row in rows(peeked)}
    assert reasons == {
        "wrong": r"it is \377\n wrong",
        "fails": "failed 2 times: ValueError: always",
        "S_ERROR": "failed 2 times: as DIRAC says it",
        "exits": "failed 2 times: SystemExit: let me out",
    }
    assert {row["origin"]["dn"] for row in rows(peeked)} == {user}
    for reason in ("ValueError: always", "as DIRAC says it", "SystemExit: let me out"):
        assert reason in done.stderr
    back = devbroker.command(["dirac-mq", "move", dead, "--redrive", "--cfg", str(cfg)])
    assert back.status == 0, back.stderr
    assert devbroker.count(name) == 4


def test_without_the_right_to_say_why(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Who is not among the Movers of the dead-letter queue has the broker dead-letter; the reason is in the log."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, STORY, Queues=name, MaxMessages=1)
    publish(devbroker, name, "wrong")
    done = consumer.run()
    assert (done.status, done.stdout) == (0, "")
    ((_, properties, body),) = take(devbroker, dead)
    assert (body, properties.headers["x-death"][0]["reason"]) == (b"wrong", "rejected")
    assert r"is given up: it is \377\n wrong" in done.stderr


def test_a_directory_takes_what_is_given_up(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """With RejectTo there need be no dead-letter queue: message and reason are files."""
    name, cfg = make_queue()
    rejects = tmp_path / "rejects"
    consumer = Consumer(devbroker, tmp_path, cfg, STORY, Queues=name, MaxMessages=1, RejectTo=rejects)
    publish(devbroker, name, "wrong")
    assert consumer.run().status == 0
    assert any(file.read_bytes() == b"wrong" for file in rejects.iterdir())
    assert any(b"it is" in file.read_bytes() for file in rejects.iterdir())
    assert devbroker.count(name) == 0


FORWARDS = """
class Module(ConsumerModule):
    def execute(self, message):
        first = message.forward(self.option("To", ""))
        write("forwarded", first, message.forward(self.option("To", ""), "another", headers={"n": 1}))
        if message.tries == 0:
            raise RuntimeError("after it has forwarded")
"""


def test_forwards_bear_ids_by_which_a_repeat_is_known(
    devbroker: Broker, make_queue: QueueFactory, tmp_path: Path
) -> None:
    """The first bears the message's own, the second one that follows from it, whenever it is handled."""
    dead, _ = make_queue()
    to, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, FORWARDS, Queues=name, MaxMessages=1, To=to)
    publish(devbroker, name, "one", message_id="the-id", headers={"own": 2}, content_type="text/x")
    done = consumer.run()
    assert done.status == 0
    taken = take(devbroker, to)
    assert [body for _, _, body in taken] == [b"one", b"another"] * 2
    first, second = taken[0][1], taken[1][1]
    assert (first.message_id, first.headers["own"], first.content_type) == ("the-id", 2, "text/x")
    assert (second.headers["n"], "own" in second.headers) == (1, False)
    assert second.message_id != "the-id"
    assert [properties.message_id for _, properties, _ in taken] == [first.message_id, second.message_id] * 2
    assert "4 forwarded" in done.stderr


TOGETHER = """
class Module(ConsumerModule):
    def execute(self, message):
        write("at", self.surroundings.worker)
        deadline = time.monotonic() + 50
        while not all(wrote(f"at {worker}") for worker in range(3)):
            assert time.monotonic() < deadline
            time.sleep(0.01)
"""


def test_concurrency(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Three messages are executed at a time, each by an instance of its own."""
    name, cfg = make_queue()
    consumer = Consumer(
        devbroker, tmp_path, cfg, TOGETHER, Queues=name, Concurrency=3, MaxMessages=3, RejectTo=tmp_path / "rejects"
    )
    publish(devbroker, name, *"abc")
    assert consumer.run().status == 0
    assert sorted(consumer.written) == ["at 0", "at 1", "at 2"]
    assert devbroker.count(name) == 0


def test_so_many_and_no_more(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """MaxMessages are handled over all workers and queues; the rest stays, in order."""
    one, _ = make_queue()
    two, cfg = make_queue()
    code = "class Module(ConsumerModule):\n    def execute(self, message):\n        write(message.text)\n"
    consumer = Consumer(
        devbroker, tmp_path, cfg, code, Queues=f"{one}, {two}", Concurrency=4, MaxMessages=3, RejectTo=tmp_path / "r"
    )
    publish(devbroker, one, *"abcd")
    publish(devbroker, two, *"efgh")
    done = consumer.run()
    assert done.status == 0
    assert len(consumer.written) == 3
    left = [body.decode() for queue in (one, two) for _, _, body in take(devbroker, queue)]
    assert left == sorted(set("abcdefgh") - set(consumer.written))
    assert "3 handled" in done.stderr


FLUSHES = """
class Module(ConsumerModule):
    def initialize(self):
        self.batch = []

    def execute(self, message):
        if message.text == "poison":
            raise Reject("poison")
        self.batch.append(message.text)

    def flush(self):
        batch, self.batch = self.batch, []
        if batch and not wrote("no"):
            write("no")
            raise OSError("no space left")
        if batch:
            write("flush", *batch)
"""


def test_what_is_flushed_is_acknowledged(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Messages stay in hand until a flush; one that fails is a failed try of all, and they are flushed again."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    consumer = Consumer(devbroker, tmp_path, cfg, FLUSHES, Queues=name, MaxTries=2)
    wanted = [f"m{number}" for number in range(300)]
    publish(devbroker, name, *wanted, "poison")
    with consumer.running() as process:
        devbroker.wait_count(dead, 1, timeout=60)
        until(lambda: sorted(_flushed(consumer)) == sorted(wanted), lambda: process.stderr)
        process.signal(signal.SIGTERM)
        done = process.end(60)
    assert done.status == 0
    assert devbroker.count(name) == 0
    batches = [line for line in consumer.written if line.startswith("flush")]
    assert len(batches) < 100, "it was flushed one by one"
    assert "(1 of 2): OSError: no space left" in done.stderr


def _flushed(consumer: Consumer) -> list[str]:
    return [word for line in consumer.written if line.startswith("flush") for word in line.split()[1:]]


WHO = """
class Module(ConsumerModule):
    def execute(self, message):
        write(message.text, message.sender)
"""


def test_whose_messages_are_taken(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """The stricter of what queue and consumer ask; what is refused reaches no module, and is counted."""
    dead, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead, AllowedGroups="dirac_user, dirac_pilot")
    user, pilot = devbroker.dn("user"), devbroker.dn("pilot")
    consumer = Consumer(devbroker, tmp_path, cfg, WHO, Queues=name, MaxMessages=1, Prefetch=9, AllowedDNs=user)
    publish(devbroker, name, "claimed")
    publish(devbroker, name, "of the pilot", role="pilot", user_id=pilot)
    publish(devbroker, name, "of the user", user_id=user)
    done = consumer.run()
    assert done.status == 0
    assert consumer.written == [f"of the user {user}"]
    assert sorted(body for _, _, body in take(devbroker, dead)) == [b"claimed", b"of the pilot"]
    assert "1 handled, 2 refused" in done.stderr
