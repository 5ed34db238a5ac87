#!/usr/bin/env python3
"""Take messages in Python and forward results: confirmed there before they are acknowledged here, so none is lost.

    consume.py QUEUE RESULTS

SIGTERM ends it after the message in hand.
"""

import signal
import sys
from types import FrameType

from diracmq_cli import Message, Queue, open_queue
from diracmq_cli.api import OriginLevel, TrustOptions


def work(message: Message, results: Queue) -> None:
    """Handle one message. When this raises, the message goes back to its queue."""
    print(f"{message.text} from {message.origin.dn or message.origin.user}")
    results.publish(f"{message.text}: done")


def main(queue_name: str, results_name: str) -> None:
    """Take what is there, then what comes within two seconds of the last."""
    trust = TrustOptions(require=OriginLevel.BROKER)
    with open_queue(queue_name, trust=trust) as queue, open_queue(results_name) as results:

        def stop(_signum: int, _frame: FrameType | None) -> None:
            queue.stop()

        signal.signal(signal.SIGTERM, stop)
        figures = queue.consume(lambda message: work(message, results), idle=2, prefetch=10)
    print(figures.text())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
