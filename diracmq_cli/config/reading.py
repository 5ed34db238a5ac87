"""Read the extract of a configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.config.extract import Extract
from diracmq_cli.config.messaging import read_messaging
from diracmq_cli.config.remote.servers import read_server_list
from diracmq_cli.config.security import read_security

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration


def read_extract(configuration: Configuration) -> Extract:
    """What everyday commands take from ``configuration``; never raises for one bad entry (``read_messaging``)."""
    groups = configuration.sections("/Registry/Groups")
    return Extract(
        model=read_messaging(configuration),
        security=read_security(configuration),
        servers=read_server_list(configuration),
        setup=configuration.text("/DIRAC/Setup"),
        vo=configuration.text("/DIRAC/VirtualOrganization"),
        site=configuration.text("/LocalSite/Site"),
        ce=configuration.text("/LocalSite/GridCE"),
        group_vos={name: vo.value for name, group in groups.items() if (vo := group.options.get("VO")) and vo.value},
        warnings=configuration.warnings,
    )
