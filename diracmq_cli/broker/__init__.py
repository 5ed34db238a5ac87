"""AMQP 0-9-1 to a RabbitMQ broker: the only place that knows pika."""

from diracmq_cli.broker.connect import connect

__all__ = ["connect"]
