"""What a broker must hold so that the CS's queues work: exchanges, queues, bindings, policies.

Each queue NAME gets an exchange that publishers write and nobody reads (``NAME.x``), and an internal one that watchers
read and nobody writes (``NAME.tap``). Two exchanges, because write on one and read on the same, or on a queue, lets a
user unbind the queue or splice other people's messages into his own (AMQP queue.unbind, exchange.bind).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from diracmq_cli.core.model import BrokerService, ExchangeType, MessagingModel, Overflow, QueueSpec, QueueType
from diracmq_cli.errors import ConfigError

DELIVERY_LIMIT = 1_000_000
"""What a quorum queue gets when the CS names none: -1 drops messages at the first requeue on 3.10, and 4.x's own
default of 20 lets twenty-one looks dead-letter them."""

TAIL_EXPIRES = 3600
TAIL_LENGTH = 20_000
TAIL_OCTETS = 256 * 1024 * 1024
"""Bounds of ``amq.gen-*`` queues: whoever may tail could also declare durable ones that nobody ever deletes."""

Argument = str | int | bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """An exchange to be declared (AMQP exchange.declare), always durable."""

    vhost: str
    name: str
    type: ExchangeType = ExchangeType.TOPIC
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue to be declared (AMQP queue.declare), always durable; ``arguments`` in the order of their names."""

    vhost: str
    name: str
    arguments: tuple[tuple[str, Argument], ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """A binding of a queue, or of an exchange (``to_exchange``), to a ``source`` exchange."""

    vhost: str
    source: str
    destination: str
    routing_key: str
    to_exchange: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy on the queues whose names match ``pattern``."""

    vhost: str
    name: str
    pattern: str
    definition: tuple[tuple[str, Argument], ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """All that must be on one broker, in an order that does not depend on the CS's: two renderings are equal."""

    vhosts: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]
    policies: tuple[Policy, ...]


def on_broker(model: MessagingModel, service: BrokerService) -> MessagingModel:
    """The part of the model that lives on the same broker as ``service``: every service that shares a host with it.

    The RFC's layout repeats the host in each queue's section, so one broker is several services.
    """
    hosts = set(service.hosts)
    services = tuple(other for other in model.services if hosts.intersection(other.hosts))
    return MessagingModel(
        queues=tuple(queue for queue in model.queues if hosts.intersection(queue.service.hosts)),
        exchanges=tuple(exchange for exchange in model.exchanges if hosts.intersection(exchange.service.hosts)),
        services=services,
        refused=model.refused,
        files=model.files,
    )


def lay_out(model: MessagingModel) -> Topology:
    """Everything that the queues and exchanges of ``model`` need; all of them must be on one broker.

    Raises:
        ConfigError: two entries contradict each other, or dead letters are to go where nothing is.
    """
    exchanges = {(spec.service.vhost, spec.name): Exchange(spec.service.vhost, spec.name, spec.type)
                 for spec in model.exchanges}  # fmt: skip
    queues: dict[tuple[str, str], Queue] = {}
    bindings: set[Binding] = set()
    for spec in model.queues:
        vhost = spec.service.vhost
        if (vhost, spec.name) in queues:
            raise ConfigError(f"{spec.source}: another queue of this broker is called {spec.name} too")
        queues[vhost, spec.name] = Queue(vhost, spec.name, tuple(sorted(_arguments(spec, model))))
        for exchange in _own_exchanges(spec):
            exchanges.setdefault((vhost, exchange.name), exchange)
        bindings.update(_bindings(spec, exchanges))
    vhosts = sorted({service.vhost for service in model.services})
    return Topology(
        vhosts=tuple(vhosts),
        exchanges=tuple(exchanges[key] for key in sorted(exchanges)),
        queues=tuple(queues[key] for key in sorted(queues)),
        bindings=tuple(sorted(bindings, key=lambda b: (b.vhost, b.source, b.destination, b.routing_key))),
        policies=tuple(_tail_policy(vhost) for vhost in vhosts),
    )


def _own_exchanges(spec: QueueSpec) -> Iterator[Exchange]:
    yield Exchange(spec.service.vhost, spec.exchange)
    if spec.tap is not None:
        yield Exchange(spec.service.vhost, spec.tap, internal=True)


def _bindings(spec: QueueSpec, exchanges: Iterable[tuple[str, str]]) -> Iterator[Binding]:
    """Queue and tap receive the same: all of the queue's own exchange, and what each further source is bound with."""
    vhost = spec.service.vhost
    sources = [(spec.exchange, "#"), *((source.exchange, source.routing_key) for source in spec.bindings)]
    for exchange, pattern in sources:
        if (vhost, exchange) not in exchanges:
            raise ConfigError(
                f"{spec.source}: Bindings names the exchange {exchange}, which this broker's entries do not have",
                hint=f"add a section {exchange} under Exchanges of the service",
            )
        yield Binding(vhost, exchange, spec.name, pattern)
        if spec.tap is not None:
            yield Binding(vhost, exchange, spec.tap, pattern, to_exchange=True)


def _arguments(spec: QueueSpec, model: MessagingModel) -> Iterator[tuple[str, Argument]]:
    """The arguments of queue.declare. A timeout for consumers is none of them before RabbitMQ 3.12: see conffiles."""
    yield "x-queue-type", str(spec.type)
    overflow = spec.overflow
    if spec.dead_letter_queue is not None:
        yield "x-dead-letter-exchange", _dead_letter_exchange(spec, model)
        if spec.type is QueueType.QUORUM and overflow is not Overflow.DROP_HEAD:
            # Without both, a node that dies between the two queues loses the message.
            overflow = Overflow.REJECT_PUBLISH
            yield "x-dead-letter-strategy", "at-least-once"
    if overflow is not None:
        yield "x-overflow", str(overflow)
    if spec.message_ttl is not None:
        yield "x-message-ttl", round(spec.message_ttl * 1000)
    if spec.max_length is not None:
        yield "x-max-length", spec.max_length
    if spec.max_length_bytes is not None:
        yield "x-max-length-bytes", spec.max_length_bytes
    if spec.max_age is not None:
        yield "x-max-age", spec.max_age
    if spec.max_priority is not None:
        yield "x-max-priority", spec.max_priority
    if spec.type is QueueType.QUORUM:
        yield "x-delivery-limit", DELIVERY_LIMIT if spec.delivery_limit is None else spec.delivery_limit


def _dead_letter_exchange(spec: QueueSpec, model: MessagingModel) -> str:
    """The own exchange of the dead-letter queue: bound by ``#``, so the routing key may stay as it was."""
    for other in model.queues:
        if other.name == spec.dead_letter_queue and other.service.vhost == spec.service.vhost:
            return other.exchange
    raise ConfigError(
        f"{spec.source}: DeadLetterQueue names {spec.dead_letter_queue}, which this broker's entries do not have",
        hint="add a section of that name under Queues of the service",
    )


def _tail_policy(vhost: str) -> Policy:
    definition: tuple[tuple[str, Argument], ...] = (
        ("expires", TAIL_EXPIRES * 1000),
        ("max-length", TAIL_LENGTH),
        ("max-length-bytes", TAIL_OCTETS),
    )
    return Policy(vhost, "dirac-mq-tail", "^amq\\.gen-", definition)
