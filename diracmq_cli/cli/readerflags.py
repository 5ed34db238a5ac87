"""The flags that the readers of messages share, in groups as in ``flags``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from diracmq_cli.cli.flags import duration
from diracmq_cli.core.model import OriginLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How many messages to read, for how long, and how they are shown."""

    count: Annotated[int | None, typer.Option("-n", "--count", metavar="N", min=1, help="Stop after N messages.")] = (
        None
    )
    idle: Annotated[
        float | None,
        typer.Option(
            "--idle", parser=duration, metavar="DURATION", help="Stop when no message has come for this long."
        ),
    ] = None
    template: Annotated[
        str | None,
        typer.Option(
            "-F",
            "--format",
            metavar="TEMPLATE",
            help=r"Show each message by a template, such as '%{routing_key} %{header:dirac-dn} %{body}\n'.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """How well the origin of messages must be known, and whose are taken."""

    require: Annotated[
        OriginLevel | None,
        typer.Option(
            "--require",
            metavar="LEVEL",
            help="Take only messages whose origin is claimed, broker or signed at least; the queue may ask for more.",
        ),
    ] = None
    allow_dn: Annotated[
        str | None,
        typer.Option("--allow-dn", metavar="FILE", help="Take only messages of these: one DN a line, or user:NAME."),
    ] = None
    max_age: Annotated[
        float | None,
        typer.Option(
            "--max-age",
            parser=duration,
            metavar="DURATION",
            help="Believe a signature for this long (default: the queue's MessageTTL, else 7d).",
        ),
    ] = None
