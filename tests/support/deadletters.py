"""Dead letters as brokers make them, and as a publisher forges them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pika
from support.broker import Broker
from support.commands import take


def reject_all(broker: Broker, queue: str, count: int) -> None:
    """Take ``count`` messages from a queue and reject each."""
    if not count:
        return
    with broker.channel("user") as channel:
        channel.basic_qos(prefetch_count=200)
        for method, _, _ in channel.consume(queue, inactivity_timeout=10):
            assert method is not None, f"{queue} ran dry"
            channel.basic_reject(method.delivery_tag, requeue=False)
            count -= 1
            if not count:
                break
        channel.cancel()


def publish_numbered(broker: Broker, exchange: str, key: str, ids: Sequence[str], role: str = "user") -> None:
    """Publish messages as our commands stamp them, with an application header and a property each."""
    dn = broker.dn(role)
    with broker.channel(role) as channel:
        for message_id in ids:
            properties = pika.BasicProperties(
                message_id=message_id,
                user_id=dn,
                timestamp=int(time.time()),
                content_type="text/plain",
                correlation_id=f"c-{message_id}",
                delivery_mode=2,
                headers={"dirac-dn": dn, "x-app": 7, "shard": 3},
            )
            channel.basic_publish(exchange, key, f"body of {message_id}".encode(), properties, mandatory=True)


def death(queue: str, exchange: str, key: str = "k") -> dict[str, Any]:
    """An entry of x-death as RabbitMQ 3.10 writes it."""
    return {
        "count": 1,
        "exchange": exchange,
        "queue": queue,
        "reason": "rejected",
        "routing-keys": [key],
        "time": datetime.now(UTC),
    }


def ids_in(broker: Broker, queue: str) -> Counter[str]:
    """How often each id is in a queue, which is empty afterwards."""
    return Counter(properties.message_id for _, properties, _ in take(broker, queue))
