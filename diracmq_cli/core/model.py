"""Queues, exchanges and broker services as the CS describes them, read once into typed values.

Both layouts (``/Resources/MQServices`` and the RFC's ``MessageQueueing``) end in these types; nothing after the
reader sees CS text again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from diracmq_cli.core.address import Address, Kind, parse_address
from diracmq_cli.errors import ConfigError, CredentialError, UnknownDestination


class QueueType(StrEnum):
    """RabbitMQ's queue types (the argument ``x-queue-type``)."""

    CLASSIC = "classic"
    QUORUM = "quorum"
    STREAM = "stream"


class Overflow(StrEnum):
    """What a full queue does (the argument ``x-overflow``)."""

    DROP_HEAD = "drop-head"
    REJECT_PUBLISH = "reject-publish"


class ExchangeType(StrEnum):
    """Exchange types of AMQP 0-9-1."""

    TOPIC = "topic"
    FANOUT = "fanout"
    DIRECT = "direct"
    HEADERS = "headers"


class OriginLevel(StrEnum):
    """How well the origin of a message is known, weakest first (DESIGN: proof of origin)."""

    CLAIMED = "claimed"
    BROKER = "broker"
    SIGNED = "signed"

    @property
    def rank(self) -> int:
        """0 for claimed, 1 for broker, 2 for signed."""
        return list(OriginLevel).index(self)


@dataclass(frozen=True, slots=True)
class Source:
    """Where an entry was read: a CS section, and the file (or server) that gave it."""

    section: str
    file: str

    def __str__(self) -> str:
        return f"{self.section} in {self.file}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A password that cannot get into a log, an error or a traceback by being printed.

    ``place`` is where it was read (option and file), so that what is kept between commands need not hold it.
    """

    value: str = field(repr=False)
    place: Source | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return "********"


@dataclass(frozen=True, slots=True)
class HostPort:
    """One broker host as the CS names it; ``port`` is already the service's default where none was given."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerService:
    """One broker (or cluster) and how to log in there.

    ``user`` and ``password`` are for servers; without a user the login is SASL EXTERNAL with a certificate.
    ``password_problem`` is why the password that the CFG holds must not be used (others can read it): to be raised
    by whoever would log in with it. ``max_connections`` is how many connections each user may have open at once,
    ``max_pilot_connections`` the same for each DN that pilots run under, for all pilots of a VO may share one.
    ``refusal`` says why AMQP cannot be spoken to it (a Stomp entry) and ``refusal_hint`` which option makes it work.
    """

    name: str
    hosts: tuple[HostPort, ...]
    source: Source
    mq_type: str = "RabbitMQ"
    vhost: str = "/"
    tls: bool = True
    user: str | None = None
    password: Secret | None = None
    password_problem: CredentialError | None = field(default=None, compare=False)
    shuffle_hosts: bool = True
    management_url: str | None = None
    management_user: str | None = None
    max_connections: int | None = None
    max_pilot_connections: int | None = None
    refusal: str | None = None
    refusal_hint: str | None = None

    def same_broker(self, other: BrokerService) -> bool:
        """Whether both mean one vhost of one broker, whoever logs in: its queues may dead-letter into each other."""
        return (self.hosts, self.vhost) == (other.hosts, other.vhost)


@dataclass(frozen=True, slots=True)
class Binding:
    """A further source of a queue: an exchange and the pattern it is bound with."""

    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Principals:
    """Who is meant by ``Publishers = group:dirac_pilot, /DC=…, user:robot``; DNs are already normalised."""

    dns: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    users: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSpec:
    """A queue of the CS. Times are in seconds, lengths in messages or octets; None means not set.

    ``exchange`` is what publishers write to (``NAME.x`` unless the CS names another). ``origin`` is how well a reader
    must know where a message comes from, and ``allowed`` from whom he takes any (``AllowedDNs``, ``AllowedGroups``).
    """

    address: Address
    service: BrokerService
    source: Source
    type: QueueType = QueueType.CLASSIC
    exchange: str
    routing_key: str = ""
    bindings: tuple[Binding, ...] = ()
    dead_letter_queue: str | None = None
    message_ttl: float | None = None
    max_length: int | None = None
    max_length_bytes: int | None = None
    max_age: str | None = None
    overflow: Overflow | None = None
    delivery_limit: int | None = None
    max_priority: int | None = None
    consumer_timeout: float | None = None
    description: str = ""
    contact: str = ""
    origin: OriginLevel | None = None
    allowed: Principals | None = None
    publishers: Principals = Principals()
    consumers: Principals = Principals()
    watchers: Principals = Principals()
    operators: Principals = Principals()
    movers: Principals = Principals()
    in_cs: bool = True

    @property
    def name(self) -> str:
        """The AMQP queue's name."""
        return self.address.name

    @property
    def tap(self) -> str | None:
        """The internal exchange that watchers bind to; streams have none (their watchers read the queue itself)."""
        return None if self.type is QueueType.STREAM else f"{self.name}.tap"

    @property
    def feeds(self) -> frozenset[str]:
        """The exchanges from which the CS lets messages reach this queue."""
        return frozenset({self.exchange, *(binding.exchange for binding in self.bindings)})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeSpec:
    """An exchange of the CS that is no queue's own: something to publish to and to bind queues to."""

    address: Address
    service: BrokerService
    source: Source
    type: ExchangeType = ExchangeType.TOPIC
    description: str = ""
    publishers: Principals = Principals()
    watchers: Principals = Principals()

    @property
    def name(self) -> str:
        """The AMQP exchange's name."""
        return self.address.name


@dataclass(frozen=True, slots=True)
class MessagingModel:
    """All the messaging that the CS knows.

    ``refused`` holds, per address, why its entry cannot be read: one bad queue must not hide the others, but asking
    for it by name raises its error. ``files`` are the CFG files that were read, for hints.
    """

    queues: tuple[QueueSpec, ...] = ()
    exchanges: tuple[ExchangeSpec, ...] = ()
    services: tuple[BrokerService, ...] = ()
    refused: tuple[tuple[Address, ConfigError], ...] = ()
    files: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[QueueSpec]:
        return iter(self.queues)

    def resolve(self, text: str) -> QueueSpec | ExchangeSpec:
        """Find a destination by its exact path, or by a bare name that only one queue (else one exchange) bears.

        Raises:
            UsageError: ``text`` is no address at all.
            UnknownDestination: nothing, or more than one thing, is meant; the candidates are in the hint.
            ConfigError: it is there, but its entry cannot be read.
        """
        wanted = parse_address(text)
        kinds: dict[Kind, tuple[QueueSpec | ExchangeSpec, ...]]
        kinds = {Kind.QUEUE: self.queues, Kind.EXCHANGE: self.exchanges, Kind.TOPIC: ()}
        for kind, specs in kinds.items():
            found = [spec for spec in specs if wanted in (spec.address, spec.name)]
            refused = [(address, error) for address, error in self.refused if address.kind is kind]
            bad = [error for address, error in refused if wanted in (address, address.name)]
            if len(found) == 1 and not bad:
                return found[0]
            if len(found) > 1:
                raise UnknownDestination(
                    f"{text} is ambiguous: {len(found)} destinations bear that name",
                    hint="name one of " + ", ".join(str(spec.address) for spec in found),
                )
            if bad:
                raise bad[0]
        raise UnknownDestination(f"{text} is not known to the configuration", hint=self._known(text))

    def _known(self, text: str) -> str:
        if not self.files:
            return "no configuration was found; point to one with --cfg FILE or DIRACSYSCONFIG"
        folded = text.casefold().rpartition("::")[2].rpartition("/")[2]
        everything: list[QueueSpec | ExchangeSpec] = [*self.queues, *self.exchanges]
        near = [str(spec.address) for spec in everything if folded in spec.name.casefold()]
        known = near or [str(spec.address) for spec in everything]
        if not known:
            return "no queue is defined in " + ", ".join(self.files)
        more = f" and {len(known) - 8} more (dirac-mq list)" if len(known) > 8 else ""
        return "known are " + ", ".join(known[:8]) + more


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """What is known of one queue now: messages ready, consumers (None where they cannot be seen), and why not."""

    queue: QueueSpec
    ready: int | None = None
    consumers: int | None = None
    problem: str | None = None
