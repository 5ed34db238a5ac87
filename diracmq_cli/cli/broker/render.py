"""``dirac-mq broker render``: the configuration of a secure RabbitMQ, from the CS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diracmq_cli.admin.conffiles import AMQPS_PORT, MAX_PROXIES, Check, Limited
from diracmq_cli.cli.broker.diff import Service
from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped
from diracmq_cli.core.model import HostPort

EXAMPLES = """\
dirac-mq broker render --service mq --out rendered --ca-dir /etc/grid-security/certificates \\
  --host-cert /etc/rabbitmq/hostcert.pem --host-key /etc/rabbitmq/hostkey.pem
"""


def _listener(text: str) -> HostPort:
    """``ADDRESS``, ``ADDRESS:PORT`` or ``[V6]:PORT``."""
    from diracmq_cli.config.lists import hosts

    try:
        found = hosts(text, default=AMQPS_PORT)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if len(found) != 1:
        raise typer.BadParameter("one address each; say --listen again for another")
    return found[0]


@grouped
def render(
    *,
    service: Service = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write the files.")],
    ca_dir: Annotated[
        Path, typer.Option("--ca-dir", metavar="DIR", help="Grid CA directory, on this machine and on the broker's.")
    ],
    host_cert: Annotated[
        Path, typer.Option("--host-cert", metavar="FILE", help="Host certificate, on the broker's machine.")
    ],
    host_key: Annotated[Path, typer.Option("--host-key", metavar="FILE", help="Its key there; it is never read here.")],
    etc: Annotated[
        Path, typer.Option("--etc", metavar="DIR", help="Where the files will be on the broker's machine.")
    ] = Path("/etc/rabbitmq"),
    listen: Annotated[
        list[HostPort] | None,
        typer.Option(
            "--listen",
            metavar="ADDRESS",
            parser=_listener,
            show_default=False,
            help="Address to listen on, port 5671 unless named; default: all.",
        ),
    ] = None,
    crl: Annotated[
        Check, typer.Option("--crl", help="What to do with certificates whose CA has no CRL.")
    ] = Check.REQUIRE,
    signing_policy: Annotated[
        Check, typer.Option("--signing-policy", help="What to do with certificates whose CA has no signing policy.")
    ] = Check.IF_PRESENT,
    limited: Annotated[Limited, typer.Option("--limited", help="Whether limited proxies may log in.")] = Limited.ALLOW,
    max_proxies: Annotated[
        int, typer.Option("--max-proxies", metavar="N", min=0, max=100, help="Proxies in a chain at most.")
    ] = MAX_PROXIES,
    with_users: Annotated[
        bool, typer.Option("--with-users", help="Put users, rights and password hashes in, for a first start.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse rights to read that reach DNs under which pilots run.")
    ] = False,
    connection: Connection,
    talk: Talk,
) -> None:
    """Write the configuration of a RabbitMQ node as the CS asks for it.

    It takes TLS only, and client certificates or RFC 3820 proxies; nobody may declare, and everybody may do what the
    CS says. The same CS and the same flags give the same octets. README in DIR says where each file goes.
    """
    with running("broker", talk) as console:
        from diracmq_cli.cli.broker.reach import reach_of
        from diracmq_cli.wiring.rendering import RenderOptions, run_render

        setup, wanted = reach_of(service, None, connection, console)
        run_render(
            setup,
            RenderOptions(
                service=wanted.service,
                out=out.absolute(),
                etc=etc.absolute(),
                ca_directory=ca_dir.absolute(),
                certificate=host_cert.absolute(),
                key=host_key.absolute(),
                listeners=tuple(listen or ()),
                crl=crl,
                signing_policy=signing_policy,
                limited=limited,
                max_proxies=max_proxies,
                with_users=with_users,
                strict=strict,
            ),
            console,
        )
