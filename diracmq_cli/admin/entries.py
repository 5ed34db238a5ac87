"""What a broker holds, as entries of RabbitMQ's definitions document: one form for what the CS wants and what is there.

Both sides of a comparison are read from that document, the wanted one as ``definitions.definitions`` writes it: what
``diff`` compares is what ``render`` writes and what ``apply`` imports.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import ProtocolError

if TYPE_CHECKING:
    from diracmq_cli.core.jsonvalues import Json

LARGEST = 256 << 20
"""Octets of a definitions document: ten thousand queues with their bindings are 10 MB."""


class Kind(StrEnum):
    """The kinds of entries, in the order in which each may need the ones before it."""

    VHOST = "vhost"
    EXCHANGE = "exchange"
    QUEUE = "queue"
    BINDING = "binding"
    POLICY = "policy"
    USER = "user"
    PERMISSION = "permission"
    TOPIC_PERMISSION = "topic permission"
    LIMIT = "limit"


Key: TypeAlias = tuple[Kind, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class _Shape:
    """How a kind stands in the document: its section, the fields that identify an entry, the others' defaults."""

    section: str
    identity: tuple[str, ...]
    properties: Mapping[str, Json] = field(default_factory=dict)


_SHAPES = {
    Kind.VHOST: _Shape("vhosts", ("name",)),
    Kind.EXCHANGE: _Shape(
        "exchanges",
        ("vhost", "name"),
        {"type": "direct", "durable": True, "auto_delete": False, "internal": False, "arguments": {}},
    ),
    Kind.QUEUE: _Shape("queues", ("vhost", "name"), {"durable": True, "auto_delete": False, "arguments": {}}),
    Kind.BINDING: _Shape(
        "bindings", ("vhost", "source", "destination_type", "destination", "routing_key", "arguments")
    ),
    Kind.POLICY: _Shape(
        "policies", ("vhost", "name"), {"pattern": "", "apply-to": "all", "priority": 0, "definition": {}}
    ),
    Kind.USER: _Shape("users", ("name",), {"password_hash": "", "hashing_algorithm": "", "tags": []}),
    Kind.PERMISSION: _Shape("permissions", ("vhost", "user"), {"configure": "", "write": "", "read": ""}),
    Kind.TOPIC_PERMISSION: _Shape("topic_permissions", ("vhost", "user", "exchange"), {"write": "", "read": ""}),
}
"""A limit has no section of its own: it stands in its user's entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing on a broker: its kind, the fields that tell it from others of the kind, and what it is like."""

    kind: Kind
    identity: tuple[str, ...]
    properties: Mapping[str, Json] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """What tells it from everything else."""
        return self.kind, self.identity

    @property
    def vhost(self) -> str | None:
        """Its vhost; None for what belongs to none."""
        return None if self.kind in (Kind.VHOST, Kind.USER, Kind.LIMIT) else self.identity[0]

    @property
    def user(self) -> str | None:
        """The user whose rights it is about; None for the topology."""
        if self.kind in (Kind.USER, Kind.LIMIT):
            return self.identity[0]
        return self.identity[1] if self.kind in (Kind.PERMISSION, Kind.TOPIC_PERMISSION) else None

    @property
    def name(self) -> str:
        """What people call it."""
        if self.kind is Kind.BINDING:
            _, source, _, destination, routing_key, arguments = self.identity
            more = "" if arguments == "{}" else f" {arguments}"
            return f"{source} -> {destination} ({routing_key}){more}"
        if self.kind is Kind.TOPIC_PERMISSION:
            return f"{self.identity[1]} on {self.identity[2]}"
        return " ".join(self.identity) if self.kind is Kind.LIMIT else self.identity[-1]

    def field(self, name: str) -> str:
        """One of the fields that identify it, by its name in the document."""
        return self.identity[_SHAPES[self.kind].identity.index(name)]


Entries: TypeAlias = Mapping[Key, Entry]


def document(entries: Iterable[Entry]) -> dict[str, Json]:
    """A definitions document that holds these entries (of any kind but limits) and nothing else."""
    sections: dict[str, list[Json]] = {}
    for entry in entries:
        shape = _SHAPES[entry.kind]
        fields: dict[str, Json] = dict(zip(shape.identity, entry.identity, strict=True))
        if entry.kind is Kind.BINDING:
            fields["arguments"] = json.loads(entry.field("arguments"))
        sections.setdefault(shape.section, []).append(fields | dict(entry.properties))
    return dict(sections)


def read_entries(text: str, what: str) -> Entries:
    """Read a definitions document; sections that are not ours are passed over.

    Args:
        text: the document.
        what: names it in errors.

    Raises:
        ProtocolError: it is no such document.
    """
    try:
        document = parse_json(text, what, limit=LARGEST)
        if not isinstance(document, dict):
            raise TypeError("it is no object")
        found = [entry for kind, shape in _SHAPES.items() for entry in _section(kind, shape, document)]
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolError(f"{what} is no definitions document: {error}") from error
    return {entry.key: entry for entry in found}


def _section(kind: Kind, shape: _Shape, document: dict[str, Json]) -> Iterator[Entry]:
    rows = document.get(shape.section, [])
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, dict):
            raise TypeError(f"{shape.section} holds {row!r}")
        if kind is Kind.BINDING:
            row = row | {"arguments": json.dumps(row.get("arguments", {}), sort_keys=True)}
        identity = tuple(_text(row[name], name) for name in shape.identity)
        yield Entry(kind, identity, {name: _normal(row, name, default) for name, default in shape.properties.items()})
        limits = row.get("limits", {})
        if kind is Kind.USER and isinstance(limits, dict):  # RabbitMQ writes none at all as an empty list too
            for name, value in limits.items():
                yield Entry(Kind.LIMIT, (*identity, name), {"value": value})


def _text(value: Json, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}")
    return value


def _normal(row: dict[str, Json], name: str, default: Json) -> Json:
    """What a field says, in one way where RabbitMQ's versions have several."""
    value = row.get(name, default)
    if name == "tags":
        tags = value.split(",") if isinstance(value, str) else value
        found: list[Json] = [tag for tag in tags if tag] if isinstance(tags, list) else []
        return found
    if name in ("arguments", "definition") and not value:
        return {}
    return value
