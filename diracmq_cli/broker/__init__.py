"""AMQP 0-9-1 to a RabbitMQ broker: the only place that knows pika."""

from diracmq_cli.broker.pikaimport import import_pika

import_pika()

from diracmq_cli.broker.connect import connect  # noqa: E402 - it imports pika

__all__ = ["connect"]
