"""Queues, exchanges and services as the CS reader would make them, for tests of what comes after it."""

from __future__ import annotations

from dataclasses import replace

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import BrokerService, ExchangeSpec, HostPort, QueueSpec, Source

SOURCE = Source("/Resources/MQServices/dev", "dirac.cfg")
SERVICE = BrokerService(name="dev", hosts=(HostPort("localhost", 5671),), source=SOURCE)
OTHER_SERVICE = replace(SERVICE, name="lhcb", hosts=(HostPort("mq.example.org", 5671),))


def queue(name: str, service: BrokerService = SERVICE, **fields: object) -> QueueSpec:
    """A queue with its own exchange ``NAME.x``."""
    address = Address(service.name, Kind.QUEUE, name)
    values = {"address": address, "service": service, "source": SOURCE, "exchange": f"{name}.x", **fields}
    return QueueSpec(**values)  # type: ignore[arg-type]


def exchange(name: str, service: BrokerService = SERVICE) -> ExchangeSpec:
    """A topic exchange."""
    return ExchangeSpec(address=Address(service.name, Kind.EXCHANGE, name), service=service, source=SOURCE)
