"""``dirac-mq`` itself: its help, and flags that stand before the verb."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.flags import show_version

HELP = """Messaging for DIRAC over RabbitMQ, with certificates and RFC 3820 proxies."""

EXAMPLES = """\
dirac-mq list
dirac-mq send demo.jobs -m 'job 42 started'
dirac-mq peek demo.jobs
dirac-mq consume demo.jobs -n 1
"""

EPILOG = """Each of the first six is a command of its own too, such as dirac-mq-send."""

SPOOL = """Messages that send --spool keeps on disk while no broker takes them: see, send or drop them."""

BROKER = """A secure RabbitMQ from the Configuration Service: set it up, see what differs, set it right."""

BROKER_EXAMPLES = """\
dirac-mq broker render --service mq --out rendered \\
  --ca-dir /etc/grid-security/certificates \\
  --host-cert /etc/rabbitmq/hostcert.pem \\
  --host-key /etc/rabbitmq/hostkey.pem
dirac-mq broker apply --service mq --node rabbit@mq1 --dry-run
"""

DEVBROKER = "A private RabbitMQ for trying and testing"


def suite(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    """Hold the verbs together; nothing is done before one is named."""
