"""``dirac-mq broker trust``: whom a running broker trusts, brought up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Talk, grouped

EXAMPLES = """\
dirac-mq broker trust --out /etc/rabbitmq --ca-dir /etc/grid-security/certificates
dirac-mq broker trust --out /etc/rabbitmq --ca-dir /etc/grid-security/certificates --print-timer
"""


@grouped
def trust(
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where render's files are on this host.")],
    ca_dir: Annotated[Path, typer.Option("--ca-dir", metavar="DIR", help="Grid CA directory.")],
    host_cert: Annotated[
        Path | None, typer.Option("--host-cert", metavar="FILE", help="Warn of this host certificate, too.")
    ] = None,
    node: Annotated[
        str | None, typer.Option("--node", metavar="NODE", help="Name of the broker's node (default: rabbit@HOST).")
    ] = None,
    reload: Annotated[
        bool, typer.Option("--reload/--no-reload", help="Let the running broker read the bundle again.")
    ] = True,
    print_timer: Annotated[
        bool, typer.Option("--print-timer", help="Only print systemd units that do this daily.")
    ] = False,
    talk: Talk,
) -> None:
    """Bring a broker's CA bundle and signing policies up to date, without a restart.

    To be run on the broker's host after an update of the CA directory, as root or as the broker's user. It says which
    CAs came and went, and warns of CRLs, and of the host certificate, that end within 3 days. Connections that are
    open stay open. New CRLs need nothing: the broker sees them itself within a second.
    """
    with running("broker", talk) as console:
        from diracmq_cli.wiring import trusting

        options = trusting.TrustOptions(
            out=out.absolute(),
            ca_directory=ca_dir.absolute(),
            certificate=None if host_cert is None else host_cert.absolute(),
            node=node,
            reload=reload,
        )
        if print_timer:
            trusting.print_timer(options, console)
        else:
            trusting.run_trust(options, console)
