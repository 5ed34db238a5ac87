"""Who sends, as the environment tells: host, site, pilot, job. None of it needs the network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from diracmq_cli.core.stamp import Sender
from diracmq_cli.wiring.setup import CLIENT_NAME, Setup

if TYPE_CHECKING:
    from diracmq_cli.core.identity import Identity


def sender_of(setup: Setup, login: str | None, identity: Identity | None) -> Sender:
    """Collect the stamp's fields, all but the address, which the first connection tells.

    Args:
        login: a server's name; then there is no DN and no group. None for a login by certificate.
        identity: the user's, for a login by certificate.

    Sources: ``DIRAC_PILOT_STAMP`` (Pilot), ``JOBID`` and ``DIRACSITE`` (JobWrapper), ``/LocalSite/{Site,GridCE}`` and
    ``/DIRAC/VirtualOrganization`` of the CFG, the proxy for the group.
    """
    environment = setup.choices.environment
    known = setup.cs.current
    group = None if identity is None else identity.group
    dn = None if identity is None else identity.dn
    return Sender(
        login=login or dn or "",
        dn=dn,
        app_id=CLIENT_NAME,
        host=os.uname().nodename,
        group=group,
        vo=known.group_vos.get(group or "") or known.vo,
        site=environment.get("DIRACSITE") or known.site,
        ce=known.ce,
        pilot=environment.get("DIRAC_PILOT_STAMP") or None,
        job=environment.get("JOBID") or None,
    )
