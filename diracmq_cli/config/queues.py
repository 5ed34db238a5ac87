"""Read one queue or exchange of the CS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.config.lists import bindings, groups, people, principals
from diracmq_cli.config.options import Options
from diracmq_cli.config.parsers import duration, max_age, one_of, short_string, size, whole
from diracmq_cli.core.model import (
    BrokerService,
    ExchangeSpec,
    ExchangeType,
    OriginLevel,
    Overflow,
    Principals,
    QueueSpec,
    QueueType,
)

if TYPE_CHECKING:
    from diracmq_cli.core.address import Address

_UNSUITABLE = {
    # what RabbitMQ refuses to declare, or ignores, for each type (rabbit_*_queue:capabilities/0)
    QueueType.CLASSIC: ("DeliveryLimit", "MaxAge"),
    QueueType.QUORUM: ("MaxPriority", "MaxAge"),
    QueueType.STREAM: (
        "MessageTTL",
        "MaxLength",
        "DeadLetterQueue",
        "Overflow",
        "DeliveryLimit",
        "MaxPriority",
        "ConsumerTimeout",
    ),
}
_NOBODY = Principals()


def read_queue(
    address: Address, service: BrokerService, options: Options, siblings: Mapping[str, BrokerService | None]
) -> QueueSpec:
    """The queue at ``address``.

    Its exchange may be named where ``options`` inherit from, as its broker may; all else stands in its own section.
    ``siblings`` are the queues beside it, and their brokers where those could be read: its dead letters may go there.

    Raises:
        ConfigError: an option is wrong, or one that the queue's type cannot take.
    """
    own = Options(options.own)
    queue_type = own.read(one_of(QueueType), "Type") or QueueType.CLASSIC
    for name in _UNSUITABLE[queue_type]:
        if own.find(name) is not None:
            raise own.refusal(f"a {queue_type} queue takes no {name}", name, hint=f"remove {name}, or change Type")
    _check_name(address, own)
    return QueueSpec(
        address=address,
        service=service,
        source=own.source,
        type=queue_type,
        exchange=options.read(short_string, "Exchange", "ExchangeName") or f"{address.name}.x",
        routing_key=own.read(short_string, "RoutingKey") or "",
        bindings=own.read(bindings, "Bindings") or (),
        dead_letter_queue=_dead_letter_queue(address, service, own, siblings),
        message_ttl=own.read(duration, "MessageTTL"),
        max_length=own.read(whole(0), "MaxLength"),
        max_length_bytes=own.read(size, "MaxLengthBytes"),
        max_age=own.read(max_age, "MaxAge"),
        overflow=own.read(one_of(Overflow), "Overflow"),
        delivery_limit=own.read(whole(0), "DeliveryLimit"),
        max_priority=own.read(whole(1, 255), "MaxPriority"),
        consumer_timeout=own.read(duration, "ConsumerTimeout"),
        description=own.text("Description") or "",
        contact=own.text("Contact") or "",
        origin=own.read(one_of(OriginLevel), "Origin"),
        allowed=allowed(own),
        publishers=own.read(principals, "Publishers") or _NOBODY,
        consumers=own.read(principals, "Consumers") or _NOBODY,
        watchers=own.read(principals, "Watchers") or _NOBODY,
        operators=own.read(principals, "Operators") or _NOBODY,
        movers=own.read(principals, "Movers") or _NOBODY,
    )


def allowed(options: Options) -> Principals | None:
    """Whose messages are taken: those of both options together."""
    named, of_groups = options.read(people, "AllowedDNs"), options.read(groups, "AllowedGroups")
    if named is None and of_groups is None:
        return None
    return replace(named or _NOBODY, groups=of_groups or ())


def read_exchange(address: Address, service: BrokerService, options: Options) -> ExchangeSpec:
    """The exchange at ``address``.

    Raises:
        ConfigError: an option is wrong.
    """
    _check_name(address, options)
    return ExchangeSpec(
        address=address,
        service=service,
        source=options.source,
        type=options.read(one_of(ExchangeType), "Type") or ExchangeType.TOPIC,
        description=options.text("Description") or "",
        publishers=options.read(principals, "Publishers") or _NOBODY,
        watchers=options.read(principals, "Watchers") or _NOBODY,
    )


def _check_name(address: Address, options: Options) -> None:
    try:
        short_string(f"{address.name}.tap")
    except ValueError as error:
        raise options.refusal(f"the name with .tap is {error}") from error


def _dead_letter_queue(
    address: Address, service: BrokerService, options: Options, siblings: Mapping[str, BrokerService | None]
) -> str | None:
    name = options.text("DeadLetterQueue")
    if name is None:
        return None
    if name == address.name:
        raise options.refusal("a queue cannot be its own dead letter queue", "DeadLetterQueue")
    if name not in siblings:
        known = ", ".join(sorted(siblings)[:8])
        raise options.refusal(
            f"{address.service} has no queue {name!r}", "DeadLetterQueue", hint=f"its queues are {known}"
        )
    other = siblings[name]
    if other is not None and not service.same_broker(other):
        raise options.refusal(f"queue {name!r} is on another broker", "DeadLetterQueue")
    return name
