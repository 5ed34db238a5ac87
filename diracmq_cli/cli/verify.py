"""``dirac-mq verify``: check the stamps of saved envelopes offline."""

from __future__ import annotations

from typing import Annotated

import typer

from diracmq_cli.cli.exits import running
from diracmq_cli.cli.flags import Talk, duration, grouped

EXAMPLES = """\
dirac-mq consume demo.jobs --drain --save inbox/ && dirac-mq verify inbox/*.json
dirac-mq peek demo.jobs -j | dirac-mq verify - --max-age 1h
"""


@grouped
def verify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Envelopes, one a line, as -j and --save write them; - is stdin."),
    ],
    *,
    capath: Annotated[
        str | None,
        typer.Option("--capath", metavar="DIR", help="Directory of trusted CAs (default $X509_CERT_DIR)."),
    ] = None,
    max_age: Annotated[
        float | None,
        typer.Option(
            "--max-age",
            parser=duration,
            metavar="DURATION",
            help="Refuse what was signed longer ago (default: any time).",
        ),
    ] = None,
    allow_dn: Annotated[
        str | None,
        typer.Option(
            "--allow-dn", metavar="FILE", help="Accept these signers only: one DN a line, # begins a comment."
        ),
    ] = None,
    talk: Talk,
) -> None:
    """Say of each saved message who signed it and whether it is what was signed.

    One verdict a line: the verdict, the signer's DN, the message's id, where it stands. Exit 0 if all are proved,
    65 if one is not. The broker is not asked, so this cannot tell that a message was sent by whoever signed it, and
    not sent again by somebody who had read it.
    """
    with running("verify", talk) as console:
        from diracmq_cli.wiring.verifying import VerifyOptions, run_verify

        run_verify(VerifyOptions(files=tuple(files), ca_directory=capath, max_age=max_age, allow_dn=allow_dn), console)
