"""The module of ``man dirac-consumer`` does what the page says."""

from __future__ import annotations

from pathlib import Path

from support.broker import Broker
from support.commands import publish, take
from support.consumers import Consumer
from support.queues import QueueFactory

from diracmq_cli.cli.moduleguide import EXAMPLE


def test_the_module_of_the_page(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """An LFN becomes work in the next queue, under the same id; anything else is a dead letter with its reason."""
    dead, _ = make_queue(Movers="group:dirac_user")
    work, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    publish(devbroker, name, "/lhcb/file", "nonsense")
    code = f"{EXAMPLE}\n\nModule = NewFiles\n"
    consumer = Consumer(devbroker, tmp_path, cfg, code, Queues=name, Destination=work, MaxMessages=2)
    done = consumer.run()
    assert (done.status, done.stdout) == (0, "")
    ((_, _, forwarded),) = take(devbroker, work)
    assert forwarded == b"process /lhcb/file"
    ((_, letter, _),) = take(devbroker, dead)
    assert letter.headers["dirac-moved"]["reason"] == "'nonsense' is no LFN"
    assert devbroker.count(name) == 0
