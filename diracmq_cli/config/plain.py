"""The extract as plain data, and back, strictly: what is not as it was written is not read.

Passwords are never part of it: their places are, and they are read anew. Fields that have their default are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeAlias, TypeVar

from diracmq_cli.config.extract import Extract
from diracmq_cli.config.remote.serverlist import ServerList
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

Plain: TypeAlias = "str | int | float | bool | list[Plain] | dict[str, Plain] | None"
Decode: TypeAlias = Callable[[Any], object]
ReadPassword: TypeAlias = Callable[[Source], Secret]


def to_plain(extract: Extract) -> dict[str, Plain]:
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


def from_plain(data: Any, read_password: ReadPassword) -> Extract:  # noqa: ANN401 - anything
    """The extract that ``to_plain`` made plain.

    Args:
        data: what ``to_plain`` made, or something else that was kept.
        read_password: reads the password at a place anew.

    Raises:
        ValueError, TypeError, LookupError: it is something else.
    """
    decode_service = {**_SERVICE, "password": lambda value: read_password(_source(value))}
    services = [BrokerService(**_fields(row, decode_service)) for row in _rows(data["services"])]
    shared = {"service": lambda number: services[_checked(number, int)]}
    queues, exchanges = {**_QUEUE, **shared}, {**_EXCHANGE, **shared}
    model = MessagingModel(
        queues=tuple([QueueSpec(**_fields(row, queues)) for row in _rows(data["queues"])]),
        exchanges=tuple([ExchangeSpec(**_fields(row, exchanges)) for row in _rows(data["exchanges"])]),
        services=tuple(services[: _checked(data["listed"], int)]),
        refused=tuple([(_address(where), _error(ConfigError, error)) for where, error in _rows(data["refused"])]),
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


def _row(value: Any, services: _Services) -> dict[str, Plain]:  # noqa: ANN401 - a dataclass
    return {
        each.name: _plain(getattr(value, each.name), services)
        for each in fields(value)
        if getattr(value, each.name) != _default(each)
    }


def _default(each: Field[Any]) -> object:
    return each.default if each.default is not MISSING else MISSING


def _plain(value: Any, services: _Services) -> Plain:  # noqa: ANN401 - any field
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
    if isinstance(value, str):
        return str(value)  # an enum's member too
    if value is None or isinstance(value, int | float):
        return value
    raise TypeError(f"no plain form of {type(value).__name__}")


def _fields(row: Any, decode: Mapping[str, Decode]) -> dict[str, Any]:  # noqa: ANN401
    """The fields of a row. A plain type in ``decode`` (str, int, …) is the value's own, exactly."""
    decoded = {}
    for name, value in row.items():
        how = decode[name]
        if type(value) is how:
            decoded[name] = value
        elif type(how) is type:
            raise TypeError(name)
        else:
            decoded[name] = how(value)
    return decoded


def _checked(value: Any, kind: type[T]) -> T:  # noqa: ANN401
    if type(value) is not kind:
        raise TypeError(f"no {kind.__name__}")
    return value


def _rows(value: Any) -> list[Any]:  # noqa: ANN401
    return _checked(value, list)


def _texts(value: Any) -> tuple[str, ...]:  # noqa: ANN401
    for each in _rows(value):
        if type(each) is not str:
            raise TypeError("no text")
    return tuple(value)


def _text_or_none(value: Any) -> str | None:  # noqa: ANN401
    return None if value is None else _checked(value, str)


def _source(value: Any) -> Source:  # noqa: ANN401
    section, file = value
    return Source(_checked(section, str), _checked(file, str))


def _address(value: Any) -> Address:  # noqa: ANN401
    service, kind, name, system = value
    return Address(_checked(service, str), Kind(kind), _checked(name, str), _checked(system, bool))


def _hosts(value: Any) -> tuple[HostPort, ...]:  # noqa: ANN401
    return tuple([HostPort(_checked(host, str), _checked(port, int)) for host, port in _rows(value)])


def _bindings(value: Any) -> tuple[Binding, ...]:  # noqa: ANN401
    return tuple([Binding(_checked(exchange, str), _checked(key, str)) for exchange, key in _rows(value)])


def _principals(value: Any) -> Principals:  # noqa: ANN401
    dns, groups, users = value
    return Principals(_texts(dns), _texts(groups), _texts(users))


def _error(kind: type[E], value: Any) -> E:  # noqa: ANN401
    message, hint = value
    return kind(_checked(message, str), hint=_text_or_none(hint))


def _server_list(value: Any) -> ServerList:  # noqa: ANN401
    urls, preferred, place = value
    return ServerList(_texts(urls), _texts(preferred), _checked(place, str))


def _mapping(value: Any) -> dict[str, str]:  # noqa: ANN401
    return {_checked(name, str): _checked(each, str) for name, each in value.items()}


_ENTRY: dict[str, Decode] = {"address": _address, "source": _source, "description": str}
_RIGHTS: dict[str, Decode] = dict.fromkeys(("publishers", "consumers", "watchers", "operators", "movers"), _principals)

_SERVICE: dict[str, Decode] = {
    **dict.fromkeys(("name", "mq_type", "vhost"), str),
    **dict.fromkeys(("user", "management_url", "management_user", "refusal", "refusal_hint"), str),
    **dict.fromkeys(("max_connections", "max_pilot_connections"), int),
    **dict.fromkeys(("tls", "shuffle_hosts"), bool),
    "hosts": _hosts,
    "source": _source,
    "password_problem": lambda value: _error(CredentialError, value),
}
_QUEUE: dict[str, Decode] = {
    **_ENTRY,
    **_RIGHTS,
    **dict.fromkeys(("exchange", "routing_key", "dead_letter_queue", "max_age", "contact"), str),
    **dict.fromkeys(("message_ttl", "consumer_timeout"), float),
    **dict.fromkeys(("max_length", "max_length_bytes", "delivery_limit", "max_priority"), int),
    "type": QueueType,
    "bindings": _bindings,
    "overflow": Overflow,
    "origin": OriginLevel,
    "allowed": _principals,
    "in_cs": bool,
}
_EXCHANGE: dict[str, Decode] = {
    **_ENTRY,
    "type": ExchangeType,
    "publishers": _principals,
    "watchers": _principals,
}
_SECURITY: dict[str, Decode] = {
    **dict.fromkeys(("certificate", "key", "grid_security", "ca_directory", "root"), str),
    "use_server_certificate": bool,
}
_REST: dict[str, Decode] = {
    **dict.fromkeys(("setup", "vo", "site", "ce"), _text_or_none),
    "servers": _server_list,
    "group_vos": _mapping,
    "warnings": _texts,
}
