"""Names that would give somebody a right that the CS does not: RabbitMQ's permissions know names, not what bears them.

A right to read the exchange ``events`` is one to read, and purge, a queue ``events``; one to read the tap of ``jobs``
is one to read a queue ``jobs.tap``; and ``amq.default`` is the exchange through which every queue can be written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.model import MessagingModel, Source

_RESERVED = "amq."


def check_names(model: MessagingModel) -> None:
    """Check that on one vhost no queue is called as an exchange, no exchange as a tap, and nothing as RabbitMQ's own.

    Raises:
        ConfigError: such a name, and where it stands.
    """
    queues = {(queue.service.vhost, queue.name): queue for queue in model.queues}
    taps = {(queue.service.vhost, queue.tap): queue for queue in model.queues if queue.tap is not None}
    for name, source in (*((q.name, q.source) for q in model.queues), *(each[1:] for each in _exchanges(model))):
        if name.startswith(_RESERVED):
            raise ConfigError(f"{source}: {name} is RabbitMQ's own", hint=f"call it otherwise, not {_RESERVED}*")
    for vhost, name, source in _exchanges(model):
        if (vhost, name) in taps:
            watched = taps[vhost, name].name
            raise ConfigError(
                f"{source}: the exchange {name} is what watchers of the queue {watched} read, and nobody may write it",
                hint="call the exchange otherwise",
            )
    for vhost, name, source in (*_exchanges(model), *((vhost, tap, q.source) for (vhost, tap), q in taps.items())):
        if (vhost, name) in queues:
            raise ConfigError(
                f"{source}: its exchange {name} is called as the queue of {queues[vhost, name].source.section}, and "
                "RabbitMQ gives a right on both or on neither",
                hint="call one of them otherwise",
            )


def _exchanges(model: MessagingModel) -> Iterator[tuple[str, str, Source]]:
    """What publishers write: vhost, name, and the entry that says so."""
    for queue in model.queues:
        yield queue.service.vhost, queue.exchange, queue.source
    for exchange in model.exchanges:
        yield exchange.service.vhost, exchange.name, exchange.source
