"""Which sections of a configuration an entry of the model was read from, and which of their options count there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.config.passwords import local_sections
from diracmq_cli.core.model import ExchangeSpec, QueueSpec

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.tree import Option, Section

_REACH = (
    ("Host",),
    ("Port",),
    ("AMQPPort",),
    ("MQType",),
    ("VHost", "VH"),
    ("TLS",),
    ("User",),
    ("HostOrder",),
    ("ManagementURL",),
    ("ManagementUser",),
    ("MaxConnections",),
    ("MaxPilotConnections",),
)
"""How to reach a broker and log in there (``services.read_service``); each option with its other spellings."""

_PASSWORD = (("Password",),)
_EXCHANGE_NAME = (("Exchange", "ExchangeName"),)

_QUEUE = (
    ("Type",),
    ("RoutingKey",),
    ("Bindings",),
    ("DeadLetterQueue",),
    ("MessageTTL",),
    ("MaxLength",),
    ("MaxLengthBytes",),
    ("MaxAge",),
    ("Overflow",),
    ("DeliveryLimit",),
    ("MaxPriority",),
    ("ConsumerTimeout",),
    ("Description",),
    ("Contact",),
    ("Origin",),
    ("AllowedDNs",),
    ("AllowedGroups",),
    ("Publishers",),
    ("Consumers",),
    ("Watchers",),
    ("Operators",),
    ("Movers",),
)
"""What a queue's own section says (``queues.read_queue``)."""

_EXCHANGE = (("Type",), ("Description",), ("Publishers",), ("Watchers",))
"""What an exchange's section says (``queues.read_exchange``)."""


@dataclass(frozen=True, slots=True)
class Part:
    """A section that an entry is read from, and the options that count there; nearer parts come first."""

    section: Section
    options: tuple[tuple[str, ...], ...]


def parts_of(configuration: Configuration, spec: QueueSpec | ExchangeSpec) -> list[Part]:
    """The sections that ``spec`` was read from, nearest first.

    In the RFC's layout a queue's own section may also say how to reach its broker, and its password may stand in
    ``/LocalInstallation``.
    """
    tree = configuration.tree
    own, above = tree.at(spec.source.section), tree.at(spec.service.source.section)
    local_queue, local = local_sections(configuration, spec.name)
    if isinstance(spec, ExchangeSpec):
        parts = [(own, _EXCHANGE), (above, _REACH + _PASSWORD)]
    elif spec.address.system:
        everything = _REACH + _EXCHANGE_NAME + _PASSWORD
        parts = [(own, _QUEUE + everything), (local_queue, _PASSWORD), (above, everything), (local, _PASSWORD)]
    else:
        parts = [(own, _QUEUE + _EXCHANGE_NAME), (above, _REACH + _PASSWORD)]
    return [Part(section, options) for section, options in parts if section is not None]


def effective(parts: list[Part]) -> Iterator[tuple[Section, str, Option]]:
    """Each option that counts, once, from the nearest part that has it; empty ones count as absent."""
    seen: set[str] = set()
    for part in parts:
        for spellings in part.options:
            name = next((name for name in spellings if (o := part.section.options.get(name)) and o.value), None)
            if name is not None and spellings[0] not in seen:
                seen.add(spellings[0])
                yield part.section, name, part.section.options[name]
