"""AMQP 0-9-1 over pika: the adapter of the ports ``Session``, ``Publisher``, ``Receiver`` and ``Inspector``."""
