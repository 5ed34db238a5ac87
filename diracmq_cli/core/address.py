"""Addresses of queues and exchanges: DIRAC's mqURI, the RFC's ``System/Queue``, and bare names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diracmq_cli.errors import UsageError


class Kind(StrEnum):
    """What an address names; the values are the CS's section names. ``Topics`` are Stomp's, read but not spoken."""

    QUEUE = "Queues"
    EXCHANGE = "Exchanges"
    TOPIC = "Topics"


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where something is in the CS. ``system`` tells ``System/Queue`` (the RFC's layout) from a service's queue."""

    service: str
    kind: Kind
    name: str
    system: bool = False

    def __str__(self) -> str:
        return f"{self.service}/{self.name}" if self.system else f"{self.service}::{self.kind}::{self.name}"


def parse_address(text: str) -> Address | str:
    """Read a destination as a user types it; a plain name comes back as it is, for the model to find.

    Args:
        text: ``service::Queues::name``, ``service::Exchanges::name``, ``System/Queue`` or ``name``.

    Raises:
        UsageError: it is none of these.
    """
    hint = "write service::Queues::name, service::Exchanges::name, System/Queue, or a name that is used once"
    if "::" in text:
        parts = text.split("::")
        if len(parts) != 3 or not all(parts):
            raise UsageError(f"{text!r} is not an mqURI", hint=hint)
        try:
            kind = Kind(parts[1])
        except ValueError:
            raise UsageError(f"{text!r} is not an mqURI: {parts[1]!r} is no kind of destination", hint=hint) from None
        return Address(parts[0], kind, parts[2])
    if not text or any(ord(c) < 33 for c in text):
        raise UsageError(f"{text!r} is not a destination", hint=hint)
    system, slash, queue = text.partition("/")
    if slash and system and queue and "/" not in queue:
        return Address(system, Kind.QUEUE, queue, system=True)
    return text
