"""The extract as plain data that JSON can hold, and back, strictly: what is not as it was written is not read.

Passwords are never part of it: their places are, and they are read anew. Fields that have their default are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

from diracmq_cli.config.extract import Extract
from diracmq_cli.config.remote.servers import ServerList
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.identity import CredentialSettings
from diracmq_cli.core.model import (
    Binding,
    BrokerService,
    ExchangeSpec,
    ExchangeType,
    HostPort,
    MessagingModel,
    OriginLevel,
    Overflow,
    Principals,
    QueueSpec,
    QueueType,
    Secret,
    Source,
)
from diracmq_cli.errors import ConfigError, CredentialError, MQError

T = TypeVar("T")
E = TypeVar("E", bound=MQError)

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Decode: TypeAlias = Callable[[Any], object]
ReadPassword: TypeAlias = Callable[[Source], Secret]


def to_plain(extract: Extract) -> dict[str, Json]:
    """``extract`` as plain data."""
    model = extract.model
    used = [queue.service for queue in model.queues] + [exchange.service for exchange in model.exchanges]
    services = _Services(*model.services, *used)
    return {
        "listed": len(model.services),
        "services": [_row(service, services) for service in services.rows],
        "queues": [_row(queue, services) for queue in model.queues],
        "exchanges": [_row(exchange, services) for exchange in model.exchanges],
        "refused": [[_plain(address, services), _plain(error, services)] for address, error in model.refused],
        "files": list(model.files),
        "security": _row(extract.security, services),
        "rest": {
            name: _plain(getattr(extract, name), services)
            for name in ("servers", "setup", "vo", "site", "ce", "group_vos", "warnings")
        },
    }


def from_plain(data: Any, read_password: ReadPassword) -> Extract:  # noqa: ANN401 - what json.loads gives
    """The extract that ``to_plain`` made plain.

    Args:
        data: what ``json.loads`` gave.
        read_password: reads the password at a place anew.

    Raises:
        ValueError, TypeError, LookupError: it is something else.
    """
    decode_service = {**_SERVICE, "password": lambda value: read_password(_source(value))}
    services = [BrokerService(**_fields(row, decode_service)) for row in _list(data["services"])]
    shared = {"service": lambda number: services[_whole(number)]}
    queues, exchanges = {**_QUEUE, **shared}, {**_EXCHANGE, **shared}
    model = MessagingModel(
        queues=tuple([QueueSpec(**_fields(row, queues)) for row in _list(data["queues"])]),
        exchanges=tuple([ExchangeSpec(**_fields(row, exchanges)) for row in _list(data["exchanges"])]),
        services=tuple(services[: _whole(data["listed"])]),
        refused=tuple([(_address(where), _error(ConfigError, error)) for where, error in _list(data["refused"])]),
        files=_texts(data["files"]),
    )
    security = CredentialSettings(**_fields(data["security"], _SECURITY))
    return Extract(model=model, security=security, **_fields(data["rest"], _REST))


class _Services:
    """Each service once, and its number. Why a password must not be used is not compared, but tells two apart."""

    def __init__(self, *services: BrokerService) -> None:
        self._numbers: dict[tuple[BrokerService, str], int] = {}
        for service in services:
            self._numbers.setdefault(self._key(service), len(self._numbers))

    @property
    def rows(self) -> list[BrokerService]:
        return [service for service, _ in self._numbers]

    def number(self, service: BrokerService) -> int:
        return self._numbers[self._key(service)]

    @staticmethod
    def _key(service: BrokerService) -> tuple[BrokerService, str]:
        return service, str(service.password_problem)


def _row(value: Any, services: _Services) -> dict[str, Json]:  # noqa: ANN401 - a dataclass
    return {
        each.name: _plain(getattr(value, each.name), services)
        for each in fields(value)
        if getattr(value, each.name) != _default(each)
    }


def _default(each: Field[Any]) -> object:
    return each.default if each.default is not MISSING else MISSING


def _plain(value: Any, services: _Services) -> Json:  # noqa: ANN401 - any field
    if isinstance(value, BrokerService):
        return services.number(value)
    if isinstance(value, Secret):
        if value.place is None:
            raise ValueError("a password without a place")
        return _plain(value.place, services)
    if isinstance(value, MQError):
        return [str(value), value.hint]
    if is_dataclass(value):
        return [_plain(getattr(value, each.name), services) for each in fields(value)]
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return [_plain(each, services) for each in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"no plain form of {type(value).__name__}")


def _fields(row: Any, decode: Mapping[str, Decode]) -> dict[str, Any]:  # noqa: ANN401
    return {name: decode[name](value) for name, value in row.items()}


def _only(kind: type[T] | tuple[type[T], ...]) -> Callable[[Any], T]:
    def check(value: Any) -> T:  # noqa: ANN401
        if isinstance(value, kind):
            return value
        raise TypeError

    return check


def _or_none(decode: Callable[[Any], T]) -> Callable[[Any], T | None]:
    return lambda value: None if value is None else decode(value)


_text = _only(str)
_flag = _only(bool)
_whole = _only(int)
_number = _only((int, float))
_list = _only(list)


def _texts(value: Iterable[Any]) -> tuple[str, ...]:
    return tuple(map(_text, _list(value)))


def _source(value: Any) -> Source:  # noqa: ANN401
    section, file = value
    return Source(_text(section), _text(file))


def _address(value: Any) -> Address:  # noqa: ANN401
    service, kind, name, system = value
    return Address(_text(service), Kind(kind), _text(name), _flag(system))


def _hosts(value: Any) -> tuple[HostPort, ...]:  # noqa: ANN401
    return tuple([HostPort(_text(host), _whole(port)) for host, port in _list(value)])


def _bindings(value: Any) -> tuple[Binding, ...]:  # noqa: ANN401
    return tuple([Binding(_text(exchange), _text(key)) for exchange, key in _list(value)])


def _principals(value: Any) -> Principals:  # noqa: ANN401
    dns, groups, users = value
    return Principals(_texts(dns), _texts(groups), _texts(users))


def _error(kind: type[E], value: Any) -> E:  # noqa: ANN401
    message, hint = value
    return kind(_text(message), hint=_or_none(_text)(hint))


def _server_list(value: Any) -> ServerList:  # noqa: ANN401
    urls, preferred, place = value
    return ServerList(_texts(urls), _texts(preferred), _text(place))


def _mapping(value: Any) -> dict[str, str]:  # noqa: ANN401
    return {_text(name): _text(each) for name, each in value.items()}


_ENTRY: dict[str, Decode] = {"address": _address, "source": _source, "description": _text}
_RIGHTS: dict[str, Decode] = dict.fromkeys(("publishers", "consumers", "watchers", "operators", "movers"), _principals)

_SERVICE: dict[str, Decode] = {
    **dict.fromkeys(("name", "mq_type", "vhost"), _text),
    **dict.fromkeys(("user", "management_url", "management_user", "refusal", "refusal_hint"), _text),
    **dict.fromkeys(("tls", "shuffle_hosts"), _flag),
    "hosts": _hosts,
    "source": _source,
    "password_problem": lambda value: _error(CredentialError, value),
}
_QUEUE: dict[str, Decode] = {
    **_ENTRY,
    **_RIGHTS,
    **dict.fromkeys(("exchange", "routing_key", "dead_letter_queue", "max_age", "contact"), _text),
    **dict.fromkeys(("message_ttl", "consumer_timeout"), _number),
    **dict.fromkeys(("max_length", "max_length_bytes", "delivery_limit", "max_priority"), _whole),
    "type": QueueType,
    "bindings": _bindings,
    "overflow": Overflow,
    "origin": OriginLevel,
    "in_cs": _flag,
}
_EXCHANGE: dict[str, Decode] = {
    **_ENTRY,
    "type": ExchangeType,
    "publishers": _principals,
    "watchers": _principals,
}
_SECURITY: dict[str, Decode] = {
    **dict.fromkeys(("certificate", "key", "grid_security", "ca_directory", "root"), _text),
    "use_server_certificate": _flag,
}
_REST: dict[str, Decode] = {
    **dict.fromkeys(("setup", "vo", "site", "ce"), _or_none(_text)),
    "servers": _server_list,
    "group_vos": _mapping,
    "warnings": _texts,
}
