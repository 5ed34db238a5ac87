"""The RFC's layout: queues of a System in its ``MessageQueueing`` section, as databases are.

It is spelt in three ways, nearest first: ``/Systems/<System>/<Instance>/MessageQueueing`` as it was coded (up to
DIRAC v8, ``/DIRAC/Setups/<Setup>/<System>`` names the instance), ``/Systems/<System>/MessageQueueing`` (v9, or
``/DIRAC/NoSetup``), and ``/DIRAC/Systems/<System>/<Setup>/MessageQueueing`` as the RFC prints it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diracmq_cli.config.options import Options
from diracmq_cli.config.passwords import find_password, local_sections
from diracmq_cli.config.queues import read_queue
from diracmq_cli.config.services import read_service
from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.model import BrokerService, Source

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration
    from diracmq_cli.config.found import Found


def read_systems(configuration: Configuration, found: Found) -> None:
    """Add every queue of every System. Its options stand in its own section or, for all queues, one level higher."""
    systems = {**configuration.sections("/Systems"), **configuration.sections("/DIRAC/Systems")}
    for system in systems:
        entries = _entries(configuration, system)
        services: dict[str, BrokerService | None] = dict.fromkeys(entries)
        for name, options in entries.items():
            with found.refusing(_address(system, name)):
                services[name] = _read_login(configuration, system, name, options)
        for name, options in entries.items():
            service = services[name]
            if service is None:
                continue
            found.services[service] = None
            with found.refusing(_address(system, name)):
                found.queues.append(read_queue(_address(system, name), service, options, services))


def _address(system: str, name: str) -> Address:
    return Address(system, Kind.QUEUE, name, system=True)


def _entries(configuration: Configuration, system: str) -> dict[str, Options]:
    """The queues of a System; where two spellings hold one name, the nearest counts."""
    entries: dict[str, Options] = {}
    for path in _spellings(configuration, system):
        section = configuration.tree.at(path)
        if section is not None:
            for name, own in section.sections.items():
                entries.setdefault(name, Options(own, (section,)))
    return entries


def instance_of(configuration: Configuration, system: str) -> str | None:
    """The instance of a System that the setup in use names; None where there are none."""
    setup = _setup(configuration)
    return configuration.text(f"/DIRAC/Setups/{setup}/{system}") if setup else None


def _setup(configuration: Configuration) -> str | None:
    return None if configuration.flag("/DIRAC/NoSetup") else configuration.text("/DIRAC/Setup")


def _spellings(configuration: Configuration, system: str) -> Iterator[str]:
    setup, instance = _setup(configuration), instance_of(configuration, system)
    if instance:
        yield f"/Systems/{system}/{instance}/MessageQueueing"
    yield f"/Systems/{system}/MessageQueueing"
    if setup:
        yield f"/DIRAC/Systems/{system}/{setup}/MessageQueueing"


def _read_login(configuration: Configuration, system: str, name: str, options: Options) -> BrokerService:
    """The broker of one queue. Its source is the level above, so that queues of one broker have equal services."""
    (level,) = options.inherited
    local_queue, local = local_sections(configuration, name)
    password = find_password(configuration, (options.own, local_queue, level, local))
    return read_service(system, options, Source(level.path, level.file), *password)
