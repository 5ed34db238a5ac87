"""From what the user typed to a queue or exchange and the broker to dial: destinations, ``--broker SERVICE|URL``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from diracmq_cli.core.address import Address, Kind, parse_address
from diracmq_cli.core.model import BrokerService, ExchangeSpec, HostPort, MessagingModel, QueueSpec, Source
from diracmq_cli.errors import UnknownDestination, UsageError

_PORTS = {"amqps": 5671, "amqp": 5672}
_URL = Source("the URL", "--broker")
"""Where a broker comes from that the CS does not name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUrl:
    """``amqps://host[:port][/vhost]`` of ``--broker``; ``vhost`` is None where the URL has none."""

    host: HostPort
    tls: bool
    vhost: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """A destination as the CS describes it, and the broker to dial for it (``--broker URL`` makes them differ)."""

    spec: QueueSpec | ExchangeSpec
    service: BrokerService

    @property
    def queue(self) -> QueueSpec:
        """The destination, which must be a queue.

        Raises:
            UsageError: it is an exchange, and an exchange holds nothing.
        """
        if isinstance(self.spec, ExchangeSpec):
            raise UsageError(f"{self.spec.address} is an exchange: it holds no messages", hint="name a queue")
        return self.spec


def parse_broker(text: str) -> BrokerUrl | str:
    """Read ``--broker``: a URL, or the name of a service, which comes back as it is.

    Raises:
        UsageError: not a URL that we can use, or one that holds a password.
    """
    if not is_url(text):
        return text
    hint = "write amqps://host:port/vhost"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise UsageError("--broker: the URL's port is not a number", hint=hint) from None
    if url.username is not None or url.password is not None:
        raise UsageError(
            "--broker: a URL must not hold a user or a password: everybody on the machine sees it",
            hint="put User into the service's section and Password into a CFG file that only you can read",
        )
    if url.scheme not in _PORTS or not url.hostname:
        raise UsageError(f"--broker: {url.scheme}:// is not amqps://host", hint=hint)
    vhost = unquote(url.path[1:]) if len(url.path) > 1 else None
    return BrokerUrl(host=HostPort(url.hostname, port or _PORTS[url.scheme]), tls=url.scheme == "amqps", vhost=vhost)


def is_url(broker: str) -> bool:
    """Whether ``--broker`` names a broker by its URL, and not a service of the CS."""
    return "://" in broker


def resolve(model: MessagingModel, destination: str, broker: str | None) -> Target:
    """Find ``destination`` in the model, on the broker that ``--broker`` names if it does.

    On the broker of a URL our credentials stay those of a user: a service's password goes to that service's own hosts
    only.

    Raises:
        UsageError, UnknownDestination, ConfigError: as ``MessagingModel.resolve``; also for an unknown service.
    """
    where = None if broker is None else parse_broker(broker)
    spec = (on_service(model, where) if isinstance(where, str) else model).resolve(destination)
    return Target(spec, _moved(spec.service, where) if isinstance(where, BrokerUrl) else spec.service)


def unlisted(destination: str, url: str) -> Target:
    """A destination that the CS does not know, as it stands: laid out as ours are, on the broker of a URL.

    Raises:
        UsageError: the URL, or the destination, is none.
    """
    where = parse_broker(url)
    assert isinstance(where, BrokerUrl)  # is_url
    spec = _unlisted(destination, where)
    return Target(spec, _moved(spec.service, where))


def find_service(model: MessagingModel, name: str) -> BrokerService:
    """The service of that name.

    Raises:
        UnknownDestination: there is none.
    """
    found = next((service for service in model.services if service.name == name), None)
    if found is None:
        raise UnknownDestination(f"no service {name} in the configuration")
    return found


def on_broker(model: MessagingModel, broker: str) -> MessagingModel:
    """The model as ``--broker`` changes it: the part that one service holds, or everything on the broker of a URL.

    Raises:
        UsageError, UnknownDestination: as ``resolve``.
    """
    where = parse_broker(broker)
    if isinstance(where, str):
        return on_service(model, where)
    return replace(
        model,
        queues=tuple(replace(queue, service=_moved(queue.service, where)) for queue in model.queues),
        exchanges=tuple(replace(exchange, service=_moved(exchange.service, where)) for exchange in model.exchanges),
    )


def on_service(model: MessagingModel, name: str) -> MessagingModel:
    """The part of the model that one service holds.

    Raises:
        UnknownDestination: there is no such service.
    """
    queues = tuple(queue for queue in model.queues if queue.service.name == name)
    exchanges = tuple(exchange for exchange in model.exchanges if exchange.service.name == name)
    refused = tuple((address, error) for address, error in model.refused if address.service == name)
    if not queues and not exchanges and not refused:
        known = sorted({service.name for service in model.services})
        raise UnknownDestination(
            f"no service {name} in the configuration",
            hint="known are " + ", ".join(known) if known else "no service is defined; see --cfg",
        )
    return replace(model, queues=queues, exchanges=exchanges, refused=refused)


def _moved(service: BrokerService, where: BrokerUrl) -> BrokerService:
    vhost = service.vhost if where.vhost is None else where.vhost
    own = where.host in service.hosts and where.tls == service.tls
    if own:
        return replace(service, hosts=(where.host,), vhost=vhost)
    return replace(
        service,
        hosts=(where.host,),
        source=_URL,
        tls=where.tls,
        vhost=vhost,
        user=None,
        password=None,
        password_problem=None,
        refusal=None,
    )


def _unlisted(destination: str, where: BrokerUrl) -> QueueSpec | ExchangeSpec:
    wanted = parse_address(destination)
    address = wanted if isinstance(wanted, Address) else Address(str(where.host), Kind.QUEUE, wanted)
    service = BrokerService(name=address.service, hosts=(where.host,), source=_URL, tls=where.tls)
    if address.kind is Kind.EXCHANGE:
        return ExchangeSpec(address=address, service=service, source=_URL)
    return QueueSpec(address=address, service=service, source=_URL, exchange=f"{address.name}.x", in_cs=False)
