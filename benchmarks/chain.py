"""A stage of a chain: messages a second that are taken, forwarded with a confirm, and acknowledged.

Beside the consumer at several settings of Concurrency stands a bare pika client that does the same one by one, in the
same run, on the same queues and broker. Each row takes the messages of a queue that was filled before, and is told from
the first arrivals on, so that the start of a process does not count.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import pika
from support.broker import Broker, running_broker
from support.consumers import Consumer
from support.programs import opened
from support.queues import QueueFactory

COUNT, SIZE = 4000, 1000
FORWARD = """
class Module(ConsumerModule):
    def execute(self, message):
        message.forward(self.option("To", ""))
"""


def main() -> None:
    """Print a table for each kind of queue."""
    with running_broker() as broker, TemporaryDirectory(prefix="dirac-mq-bench-") as name:
        for kind in ("classic", "quorum"):
            table(broker, QueueFactory(broker, Path(name)), Path(name), kind)


def table(broker: Broker, make_queue: QueueFactory, directory: Path, kind: str) -> None:
    """One row for pika and one for each setting."""
    source, _ = make_queue(type=kind)
    to, cfg = make_queue(type=kind)
    print(f"{COUNT} messages of {SIZE} octets, {kind} queues, TLS, persistent: messages a second", flush=True)
    row = partial(one_row, broker, cfg, source, to)
    row("bare pika, one by one", partial(bare, broker, source, to))
    for concurrency in (1, 2, 4):
        consumer = Consumer(
            broker,
            directory,
            cfg,
            FORWARD,
            Queues=source,
            To=to,
            Concurrency=concurrency,
            Prefetch=50 * concurrency,
            RejectTo=directory / "rejects",
            MaxMessages=COUNT,
        )
        row(f"dirac-consumer, Concurrency {concurrency}", consumer.run)


def one_row(broker: Broker, cfg: Path, source: str, to: str, title: str, work: Callable[[], object]) -> None:
    """Fill one queue, have it worked off, and print how fast it went."""
    broker.purge(to)
    with opened(broker, source, cfg) as queue:
        queue.publish_many([bytes(SIZE)] * COUNT)
    with Watch(broker, to) as watch:
        work()
    print(f"  {title:<40} {watch.rate:>8.0f}", flush=True)


class Watch:
    """Sees in a thread of its own when messages arrive in a queue."""

    def __init__(self, broker: Broker, queue: str) -> None:
        self._broker, self._queue = broker, queue
        self._seen: list[tuple[float, int]] = []
        self._thread = threading.Thread(target=self._look)

    @property
    def rate(self) -> float:
        """Messages a second, from when the first had come to when the last had."""
        (first, before), (last, after) = self._seen[0], self._seen[-1]
        return (after - before) / (last - first)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._thread.join()

    def _look(self) -> None:
        with self._broker.channel("operator") as channel:
            count = 0
            while count < COUNT:
                count = channel.queue_declare(self._queue, passive=True).method.message_count
                if count:
                    self._seen.append((time.monotonic(), count))
                time.sleep(0.02)


def bare(broker: Broker, source: str, to: str) -> None:
    """Take, publish with a confirm, acknowledge; one message after the other."""
    with broker.channel("user") as out, broker.channel("user") as channel:
        channel.basic_qos(prefetch_count=50)
        left = COUNT
        for method, properties, body in channel.consume(source):
            out.basic_publish(f"{to}.x", "", body, pika.BasicProperties(**properties_of(properties)), mandatory=True)
            channel.basic_ack(method.delivery_tag)
            left -= 1
            if not left:
                break


def properties_of(properties: pika.BasicProperties) -> dict[str, object]:
    """What is passed on of a message."""
    return {"delivery_mode": 2, "message_id": properties.message_id}


if __name__ == "__main__":
    main()
