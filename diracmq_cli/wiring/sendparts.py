"""What a sender is made of: stamp, connection, spool and operation, for a command and for a program alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.core.model import ExchangeSpec
from diracmq_cli.operations.account import Account, SendSummary
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.intake import Intake
from diracmq_cli.operations.send import Sending
from diracmq_cli.operations.sendrequest import Surroundings
from diracmq_cli.wiring.dialling import wait
from diracmq_cli.wiring.preparation import Preparation, signature_of
from diracmq_cli.wiring.sending import _blocked, _line, _request, _sender, _spool
from diracmq_cli.wiring.sendoptions import SendOptions, overrides_of
from diracmq_cli.wiring.setup import Setup, require_amqp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diracmq_cli.core.message import Receipt
    from diracmq_cli.core.ports import Source
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.keeping import SendersSpool
    from diracmq_cli.wiring.target import Target


@dataclass(frozen=True, slots=True)
class SendParts:
    """One run of a sender, ready to begin."""

    sending: Sending
    summary: SendSummary
    spool: SendersSpool | None


def assemble(
    setup: Setup,
    target: Target,
    options: SendOptions,
    console: Console,
    source: Source,
    *,
    receipts: Callable[[Sequence[Receipt]], None],
) -> SendParts:
    """Put a sender together."""
    require_amqp(target.service)
    whole = Deadline(time.monotonic, options.timeout)
    sender = _sender(setup, target, options)
    prepare = Preparation(
        overrides_of(options, "" if isinstance(target.spec, ExchangeSpec) else target.spec.routing_key),
        sender.anonymous() if options.anonymous else sender,
        signature_of(setup, target, options, console),
    )
    account = Account(SendSummary(), receipts, None, patient=options.spool is not None)
    spool = _spool(options, sender.login, target, console)
    line = _line(setup, target, options, whole, console, prepare, sender)
    around = Surroundings(
        clock=time.monotonic,
        stop=console.stop,
        wait=partial(wait, console.stop),
        on_blocked=lambda reason: console.talk.state(_blocked(target.service.name, reason)),
        on_refused=lambda error: console.talk.warning(f"{error}; this message is left out"),
        on_turn=lambda: None,
    )
    sending = Sending(
        Intake(source, time.monotonic),
        line,
        prepare,
        _request(target, options),
        account=account,
        kept=None if spool is None else spool.kept,
        whole=whole,
        around=around,
    )
    return SendParts(sending, account.summary, spool)
