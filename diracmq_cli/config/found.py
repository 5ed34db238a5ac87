"""What the readers of both layouts have found so far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.address import Address
    from diracmq_cli.core.model import BrokerService, ExchangeSpec, QueueSpec


@dataclass(frozen=True, slots=True)
class Found:
    """Collects entries; one that cannot be read does not hide the others. ``services`` is an ordered set."""

    queues: list[QueueSpec] = field(default_factory=list)
    exchanges: list[ExchangeSpec] = field(default_factory=list)
    services: dict[BrokerService, None] = field(default_factory=dict)
    refused: dict[Address, ConfigError] = field(default_factory=dict)

    @contextmanager
    def refusing(self, *addresses: Address) -> Iterator[None]:
        """Keep a ConfigError of the body as the reason why ``addresses`` cannot be used."""
        try:
            yield
        except ConfigError as error:
            self.refused.update(dict.fromkeys(addresses, error))
