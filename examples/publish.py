#!/usr/bin/env python3
"""Publish from Python: one message, many, and some with properties; each is confirmed, or kept in the spool.

publish.py QUEUE [SPOOL]
"""

import sys

from diracmq_cli import MQError, Outgoing, open_queue
from diracmq_cli.api import Outcome


def main(queue_name: str, spool: str | None) -> int:
    """Publish a few messages; returns the exit status that ``dirac-mq send`` would have."""
    try:
        with open_queue(queue_name, spool=spool or False) as queue:
            receipt = queue.publish("payload started")
            where = "in the queue" if receipt.outcome is Outcome.CONFIRMED else f"in {spool}: {receipt.reason}"
            print(f"{receipt.message_id} is {where}")

            events = [Outgoing(f"event {n}", headers={"run": n, "ok": True}, type="event") for n in range(1000)]
            print(queue.publish_many(events).text())
    except MQError as error:
        print(f"publish.py: {error}", file=sys.stderr)
        if error.hint:
            print(f"publish.py: {error.hint}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
