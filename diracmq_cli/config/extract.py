"""What the everyday commands take from the configuration, read once: small enough to be kept between commands."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from diracmq_cli.config.remote.serverlist import ServerList
    from diracmq_cli.core.identity import CredentialSettings
    from diracmq_cli.core.model import MessagingModel


class Extract(NamedTuple):
    """The messaging model, and the few options that logging in and stamping need.

    ``site`` and ``ce`` are ``/LocalSite/Site`` and ``GridCE``, ``vo`` is ``/DIRAC/VirtualOrganization``, ``setup``
    ``/DIRAC/Setup``; ``group_vos`` has ``/Registry/Groups/<group>/VO``. ``warnings`` are to be told to the user.
    """

    model: MessagingModel
    security: CredentialSettings
    servers: ServerList
    setup: str | None = None
    vo: str | None = None
    site: str | None = None
    ce: str | None = None
    group_vos: Mapping[str, str] = MappingProxyType({})
    warnings: tuple[str, ...] = ()
