"""Who sends, as the environment tells: host, site, pilot, job. None of it needs the network."""

from __future__ import annotations

import os

from diracmq_cli.core.ports import Session
from diracmq_cli.core.stamp import Sender
from diracmq_cli.wiring.setup import CLIENT_NAME, Setup


def sender_of(setup: Setup, session: Session, *, by_name: bool) -> Sender:
    """Collect the stamp's fields for messages sent through ``session``.

    Args:
        by_name: the session's login is a server's name, so there is no DN and no group.

    Sources: ``DIRAC_PILOT_STAMP`` (Pilot), ``JOBID`` and ``DIRACSITE`` (JobWrapper), ``/LocalSite/{Site,GridCE}`` and
    ``/DIRAC/VirtualOrganization`` of the CFG, the proxy for the group.
    """
    environment = setup.choices.environment
    known = setup.cs.current
    group = None if by_name else setup.identity.group
    return Sender(
        login=session.login,
        dn=None if by_name else setup.identity.dn,
        app_id=CLIENT_NAME,
        host=os.uname().nodename,
        ip=session.local_address,
        group=group,
        vo=known.group_vos.get(group or "") or known.vo,
        site=environment.get("DIRACSITE") or known.site,
        ce=known.ce,
        pilot=environment.get("DIRAC_PILOT_STAMP") or None,
        job=environment.get("JOBID") or None,
    )
