#!/usr/bin/env python3
"""Send a program's log to a queue without ever waiting for the broker.

    logging_handler.py QUEUE

Follow it with: dirac-mq tail QUEUE -k 'warning.#'
"""

import logging
import sys

from diracmq_cli import MQHandler

log = logging.getLogger("payload")


def main(queue_name: str) -> None:
    """Log to stderr and to the queue."""
    handler = MQHandler(queue_name, level=logging.INFO, flush_timeout=5)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[logging.StreamHandler(), handler])
    log.setLevel(logging.DEBUG)

    log.info("payload started")
    log.debug("this does not go to the queue")
    try:
        1 / 0  # noqa: B018 - something has to go wrong
    except ZeroDivisionError:
        log.exception("a step failed")
    log.warning("payload ends")

    handler.flush()  # logging does that at exit, too
    print(f"{handler.dropped} dropped, {handler.waiting} waiting")


if __name__ == "__main__":
    main(sys.argv[1])
