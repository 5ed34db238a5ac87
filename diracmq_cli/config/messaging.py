"""Read all messaging of the CS, from both layouts, into the one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.config.found import Found
from diracmq_cli.config.mqservices import read_mq_services
from diracmq_cli.config.systems import read_systems
from diracmq_cli.core.model import MessagingModel

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration


def read_messaging(configuration: Configuration) -> MessagingModel:
    """All queues, exchanges and services that the configuration knows.

    Never raises for one bad entry: it is kept, with its error, in ``refused`` and raised when asked for by name.
    """
    found = Found()
    read_mq_services(configuration, found)
    read_systems(configuration, found)
    return MessagingModel(
        queues=tuple(found.queues),
        exchanges=tuple(found.exchanges),
        services=tuple(found.services),
        refused=tuple(found.refused.items()),
        files=configuration.files,
    )
