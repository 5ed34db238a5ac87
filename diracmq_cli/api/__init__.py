"""The Python API."""

from diracmq_cli.api.message import Message, Peeked
from diracmq_cli.api.opening import open_queue
from diracmq_cli.api.outgoing import Outgoing
from diracmq_cli.api.queue import Queue

__all__ = ["Message", "Outgoing", "Peeked", "Queue", "open_queue"]
