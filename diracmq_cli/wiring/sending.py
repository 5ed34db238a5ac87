"""Send, wired: flags to input, receipts and a sender."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from diracmq_cli.errors import AccessError, BrokerUnreachable, HostUnknown, TemporaryFailure
from diracmq_cli.operations.account import Account, SendSummary
from diracmq_cli.operations.intake import Intake
from diracmq_cli.wiring.receipts import Receipts, RefusedFile, no_receipts
from diracmq_cli.wiring.sendoptions import (
    Framing,
    SendOptions,
    SpoolChoice,
    allowance_of,
    batch_of,
    header_table,
    source_of,
)
from diracmq_cli.wiring.sendparts import assemble
from diracmq_cli.wiring.sendwatch import Watched

if TYPE_CHECKING:
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

__all__ = ["Framing", "SendOptions", "SpoolChoice", "header_table", "run_send"]


def run_send(setup: Setup, options: SendOptions, console: Console) -> None:
    """Send what the options name; returns when the broker has confirmed all of it.

    Raises:
        Spooled: everything is safe, and some of it waits in the spool.
        MQError: what went wrong; how far it came has then been said on stderr.
    """
    options.check()
    source = source_of(options)
    target = setup.target(options.destination)
    refused = None if options.returned is None else RefusedFile(options.returned, target)
    receipts = Receipts(console.writer) if options.receipts else no_receipts
    account = Account(SendSummary(), receipts, refused, patient=options.spool is not None)
    intake = Intake(source, time.monotonic, batch_of(options), allowance_of(options))
    watched = Watched(options, console, intake, account.summary)
    parts = assemble(setup, target, options, console, intake, account, watched.turn)
    line, spool = parts.line, parts.spool
    summary = account.summary
    try:
        parts.sending.run()
    except (TemporaryFailure, BrokerUnreachable, HostUnknown, AccessError) as error:
        if spool is None or not summary.spooled:
            raise
        console.talk.warning(str(error))
    finally:
        watched.end()
        summary.dropped = intake.dropped
        talkative = options.framing.many or console.verbose or console.stop.requested or summary.spooled
        if talkative and (line.was_up or spool is not None):
            console.talk.info(f"{target.spec.address}: {summary.text()}")
    if spool is not None:
        spool.check(summary)
    summary.check(str(target.spec.address))
