"""Messaging for DIRAC over RabbitMQ, with grid certificates and RFC 3820 proxies: commands, and ``diracmq_cli.api``."""

from typing import TYPE_CHECKING

from diracmq_cli.version import __version__

if TYPE_CHECKING:
    from diracmq_cli.api import Message, MQError, MQHandler, Outgoing, Queue, open_queue

__all__ = ["MQError", "MQHandler", "Message", "Outgoing", "Queue", "__version__", "open_queue"]


def __getattr__(name: str) -> object:
    """Import the API when it is asked for: the commands do not need it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from diracmq_cli import api

    return getattr(api, name)
