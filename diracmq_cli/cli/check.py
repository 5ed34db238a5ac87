"""``dirac-mq check``: what stands between me and a queue."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Connection, Talk, grouped

EXAMPLES = """\
dirac-mq check
dirac-mq check demo.jobs
dirac-mq check -b dev -t 20s
dirac-mq check demo.jobs -j | jq -r 'select(.status == "failed") | .next'
"""


@grouped
def check(
    destination: Annotated[
        list[str] | None,
        typer.Argument(metavar="[DEST]...", help="Also say what I may do there, and how readers see it."),
    ] = None,
    *,
    connection: Connection,
    talk: Talk,
) -> None:
    """Check everything between me and a broker, and say what to type next.

    One line each for: configuration, credential, CA directory, remote CS; for each broker its names, TCP and TLS at
    every address, its version, and the name that it knows me by; for each destination whether I may send, consume and
    follow there, and what readers would say of a message sent now. Without a destination every service is looked at.

    Nothing is sent and nothing is taken: rights are asked for by requests that a broker must refuse after it has
    looked at them. Each leaves a line about "dirac-mq check" in the broker's log.

    A warning (!) does not fail; what depends on something that failed is skipped (-). The exit status is that of the
    first failure. It ends within five seconds, or within -t.
    """
    with running("check", talk) as console:
        from diracmq_cli.cli.settings import choices_of
        from diracmq_cli.wiring.checking import CheckOptions, cs_timeout, run_check

        choices = choices_of(connection, cs_timeout=cs_timeout(connection.timeout))
        options = CheckOptions(destinations=tuple(destination or ()), timeout=connection.timeout)
        status = run_check(choices, options, console)
        if status:
            raise typer.Exit(status)
