"""From flag groups to what the wiring takes. What only readers need is imported when one asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.core.identity import CredentialRequest
from diracmq_cli.wiring.setup import CS_TIMEOUT, Choices, Setup

if TYPE_CHECKING:
    from diracmq_cli.cli.flags import Connection
    from diracmq_cli.cli.readerflags import Reading, Trust
    from diracmq_cli.operations.reading import Limits
    from diracmq_cli.wiring.acceptance import TrustOptions
    from diracmq_cli.wiring.console import Console


def setup_of(connection: Connection, console: Console) -> Setup:
    """The composition root for these flags and this process's environment; it is finished when the command is."""
    setup = Setup(choices_of(connection), console)
    console.afterwards.callback(setup.finish)
    return setup


def choices_of(connection: Connection, *, cs_timeout: float = CS_TIMEOUT) -> Choices:
    """What these flags and this process's environment say; ``cs_timeout`` is seconds for the remote CS at most."""
    return Choices(
        broker=connection.broker,
        cfg_files=tuple(connection.cfg or ()),
        options=tuple(connection.option or ()),
        credentials=CredentialRequest(
            certificate=connection.cert,
            key=connection.key,
            proxy=connection.proxy,
            ca_directory=connection.capath,
        ),
        cs_max_age=connection.cs_max_age,
        cs_timeout=cs_timeout if connection.timeout is None else min(cs_timeout, connection.timeout),
    )


def limits_of(connection: Connection, reading: Reading, *, until_empty: bool = False) -> Limits:
    """When to stop reading."""
    from diracmq_cli.operations.reading import Limits

    return Limits(count=reading.count, timeout=connection.timeout, idle=reading.idle, until_empty=until_empty)


def trust_of(trust: Trust) -> TrustOptions:
    """What is asked of a message's origin."""
    from diracmq_cli.wiring.acceptance import TrustOptions

    return TrustOptions(require=trust.require, allow_dn=trust.allow_dn, max_age=trust.max_age)
