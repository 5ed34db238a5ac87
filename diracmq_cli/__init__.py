"""Messaging for DIRAC over RabbitMQ, with grid certificates and RFC 3820 proxies: commands, and ``diracmq_cli.api``."""

from typing import TYPE_CHECKING

from diracmq_cli.version import __version__

if TYPE_CHECKING:
    from diracmq_cli.api import Message, MQError, MQHandler, Outgoing, Queue, open_queue
    from diracmq_cli.consumer import ConsumerModule, Job, Reject, Retry

__all__ = [
    "ConsumerModule",
    "Job",
    "MQError",
    "MQHandler",
    "Message",
    "Outgoing",
    "Queue",
    "Reject",
    "Retry",
    "__version__",
    "open_queue",
]

_OF_CONSUMERS = ("ConsumerModule", "Job", "Reject", "Retry")


def __getattr__(name: str) -> object:
    """Import the API when it is asked for: the commands do not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("diracmq_cli.consumer" if name in _OF_CONSUMERS else "diracmq_cli.api"), name)
