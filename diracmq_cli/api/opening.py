"""Open a queue of the configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from diracmq_cli.api.queue import Queue, Taking
from diracmq_cli.core.quantity import parse_duration
from diracmq_cli.errors import UsageError
from diracmq_cli.wiring.acceptance import TrustOptions
from diracmq_cli.wiring.sendoptions import OUTAGE, Framing, SendOptions, SpoolChoice
from diracmq_cli.wiring.setup import Choices, Setup

if TYPE_CHECKING:
    from pathlib import Path


def open_queue(
    destination: str,
    *,
    setup: Setup | Choices | None = None,
    sign: bool = False,
    anonymous: bool = False,
    spool: SpoolChoice | str | Path | bool = False,
    outage: float | None = None,
    trust: TrustOptions | None = None,
) -> Queue:
    """Find a queue (or an exchange, to publish to) in the configuration; nothing is dialled yet.

    Args:
        destination: ``service::Queues::name`` (DIRAC's mqURI), ``service::Exchanges::name``, ``System/Queue``, or a
            name that only one queue bears.
        setup: where configuration and credentials come from; None as the commands without flags do it: the environment
            (``DIRAC_MQ_BROKER``, ``DIRAC_MQ_CFG``, ``DIRACSYSCONFIG``, ``X509_*``), the CFG files, the remote CS.
            ``Choices`` are the commands' flags; a ``Setup`` may be shared by several queues of one thread, which then
            read all that only once.
        sign: sign each message; where the CS says ``Origin = signed`` that is done without asking.
        anonymous: leave the person out of the stamp.
        spool: keep on disk what the broker does not take: True in the usual place, a directory, or more exactly.
        outage: seconds that one loss of the broker may last; None: 30, and 300 for who reads without an end.
        trust: how well the origin of messages must be known to take them, beside what the CS asks.

    Raises:
        UsageError: no such destination can be, or the arguments contradict each other.
        UnknownDestination: the configuration does not know it, or knows several.
        ConfigError: its entry, or a CFG file, cannot be read; AMQP is not spoken to its service.
        MQError: it is not in the local files, and the remote CS cannot be asked.
    """
    if not isinstance(setup, Setup):
        setup = Setup(setup or _choices_of_environment())
    if isinstance(spool, bool):
        choice = SpoolChoice() if spool else None
    else:
        choice = spool if isinstance(spool, SpoolChoice) else SpoolChoice(directory=str(spool))
    if outage is not None and outage <= 0:
        raise UsageError("outage: write seconds, more than 0")
    sending = SendOptions(
        destination=destination,
        framing=Framing.RECORDS,
        sign=sign,
        anonymous=anonymous,
        outage=outage or OUTAGE,
        spool=choice,
    )
    sending.check()
    return Queue(setup, setup.target(destination), sending, Taking(trust=trust or TrustOptions(), outage=outage))


def _choices_of_environment() -> Choices:
    """What the commands take from the environment where no flag says otherwise."""
    age = os.environ.get("DIRAC_MQ_CS_MAX_AGE")
    try:
        return Choices(
            broker=os.environ.get("DIRAC_MQ_BROKER") or None, cs_max_age=parse_duration(age) if age else None
        )
    except ValueError as error:
        raise UsageError(f"DIRAC_MQ_CS_MAX_AGE: {error}") from None
