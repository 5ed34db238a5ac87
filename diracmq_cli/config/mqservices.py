"""DIRAC's layout: ``/Resources/MQServices/<service>`` with ``Queues``, ``Exchanges`` and Stomp's ``Topics``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.config.options import Options
from diracmq_cli.config.passwords import find_password
from diracmq_cli.config.queues import read_exchange, read_queue
from diracmq_cli.config.services import read_service
from diracmq_cli.core.address import Address, Kind

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.found import Found
    from diracmq_cli.config.tree import Section
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.errors import ConfigError


def read_mq_services(configuration: Configuration, found: Found) -> None:
    """Add every entry of ``/Resources/MQServices``; an error of a service refuses all its destinations."""
    for name, section in configuration.sections("/Resources/MQServices").items():
        entries = _entries(name, section)
        options = Options(section)
        with found.refusing(*entries):
            service = read_service(name, options, options.source, *find_password(configuration, (section,)))
            found.services[service] = None
            _read_entries(entries, service, found)


def _entries(service: str, section: Section) -> dict[Address, Section]:
    return {
        Address(service, kind, name): entry
        for kind in Kind
        if kind in section.sections
        for name, entry in section.sections[kind].sections.items()
    }


def _read_entries(entries: dict[Address, Section], service: BrokerService, found: Found) -> None:
    siblings = {address.name: service for address in entries if address.kind is Kind.QUEUE}
    for address, section in entries.items():
        options = Options(section)
        with found.refusing(address):
            if address.kind is Kind.QUEUE:
                found.queues.append(read_queue(address, service, options, siblings))
            elif address.kind is Kind.EXCHANGE:
                found.exchanges.append(read_exchange(address, service, options))
            else:
                raise _no_topics(options)


def _no_topics(options: Options) -> ConfigError:
    name = options.own.path.rpartition("/")[2]
    return options.refusal(
        "a topic is Stomp's; AMQP has exchanges",
        hint=f"define Exchanges/{name} with Type = topic in that service, or a queue",
    )
