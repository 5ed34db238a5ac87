"""Send, wired: flags to input, stamp, connection, spool and operation."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.core.model import ExchangeSpec
from diracmq_cli.errors import AccessError, BrokerUnreachable, CredentialError, HostUnknown, TemporaryFailure
from diracmq_cli.operations.account import Account, SendSummary
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.intake import Intake
from diracmq_cli.operations.line import Line
from diracmq_cli.operations.redial import Backoff, Patience
from diracmq_cli.operations.send import Sending
from diracmq_cli.operations.sendrequest import SendRequest, Surroundings
from diracmq_cli.wiring.dialling import ThreadDialler, wait
from diracmq_cli.wiring.preparation import Preparation, signature_of
from diracmq_cli.wiring.receipts import Receipts, RefusedFile, exchange_of, no_receipts
from diracmq_cli.wiring.sender import sender_of
from diracmq_cli.wiring.sendoptions import (
    GRACE,
    Framing,
    SendOptions,
    SpoolChoice,
    header_table,
    overrides_of,
    source_of,
)
from diracmq_cli.wiring.sendwatch import Watched
from diracmq_cli.wiring.setup import Setup, require_amqp

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Session
    from diracmq_cli.core.stamp import Sender
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.keeping import SendersSpool
    from diracmq_cli.wiring.target import Target

__all__ = ["GRACE", "Framing", "SendOptions", "SpoolChoice", "header_table", "run_send"]

STALL_WITH_SPOOL = 30.0
"""Seconds of silence after which a sender that can keep everything looks for another connection."""


def run_send(setup: Setup, options: SendOptions, console: Console) -> None:
    """Send what the options name; returns when the broker has confirmed all of it.

    Raises:
        Spooled: everything is safe, and some of it waits in the spool.
        MQError: what went wrong; how far it came has then been said on stderr.
    """
    options.check()
    whole = Deadline(time.monotonic, options.timeout)
    source = source_of(options)
    target = setup.target(options.destination)
    require_amqp(target.service)
    sender = _sender(setup, target, options)
    prepare = Preparation(
        overrides_of(options, "" if isinstance(target.spec, ExchangeSpec) else target.spec.routing_key),
        sender.anonymous() if options.anonymous else sender,
        signature_of(setup, target, options, console),
    )
    refused = None if options.returned is None else RefusedFile(options.returned, target)
    receipts = Receipts(console.writer) if options.receipts else no_receipts
    account = Account(SendSummary(), receipts, refused, patient=options.spool is not None)
    spool = _spool(options, sender.login, target, console)
    line = _line(setup, target, options, whole, console, prepare, sender)
    intake = Intake(source, time.monotonic)
    watched = Watched(options, console, intake, account.summary)
    around = Surroundings(
        clock=time.monotonic,
        stop=console.stop,
        wait=partial(wait, console.stop),
        on_blocked=lambda reason: console.talk.state(_blocked(target.service.name, reason)),
        on_refused=lambda error: console.talk.warning(f"{error}; this message is left out"),
        on_turn=watched.turn,
    )
    sending = Sending(
        intake,
        line,
        prepare,
        _request(target, options),
        account=account,
        kept=None if spool is None else spool.kept,
        whole=whole,
        around=around,
    )
    summary = account.summary
    try:
        sending.run()
    except (TemporaryFailure, BrokerUnreachable, HostUnknown, AccessError) as error:
        if spool is None or not summary.spooled:
            raise
        console.talk.warning(str(error))
    finally:
        watched.end()
        talkative = options.framing.many or console.verbose or console.stop.requested or summary.spooled
        if talkative and (line.was_up or spool is not None):
            console.talk.info(f"{target.spec.address}: {summary.text()}")
    if spool is not None:
        spool.check(summary)
    summary.check(str(target.spec.address))


def _sender(setup: Setup, target: Target, options: SendOptions) -> Sender:
    """Who sends. With a spool an expired credential is good enough to begin with: it may be renewed."""
    login = setup.login_name(target.service)
    if login is not None:
        return sender_of(setup, login, None)
    return sender_of(setup, None, setup.login_identity(target.service, even_ended=options.spool is not None))


def _spool(options: SendOptions, login: str, target: Target, console: Console) -> SendersSpool | None:
    if options.spool is None:
        return None
    from diracmq_cli.wiring.keeping import SendersSpool

    return SendersSpool(options.spool, login, target, console)


def _request(target: Target, options: SendOptions) -> SendRequest:
    outage = options.longest_outage
    return SendRequest(
        exchange=exchange_of(target),
        destination=str(target.spec.address),
        stall=outage if options.spool is None else min(outage, STALL_WITH_SPOOL),
        outage=outage,
        grace=options.grace,
    )


def _line(
    setup: Setup,
    target: Target,
    options: SendOptions,
    whole: Deadline,
    console: Console,
    prepare: Preparation,
    sender: Sender,
) -> Line:
    """The connection, each time with the credential as it is then."""

    def connect(timeout: float) -> Session:
        session = setup.open(target.service, timeout=timeout, wake_fd=console.stop.wake_fd)
        if session.login != sender.login:
            session.close()
            raise CredentialError(
                f"the credential is now that of {session.login}, and this run sends in the name of {sender.login}"
            )
        return session

    outage = options.longest_outage
    return Line(
        ThreadDialler(
            setup.renew,
            connect,
            lambda session: session.publisher(),
            lambda session: prepare.connected(session.local_address),
        ),
        Patience(outage=outage, for_ever=options.spool is not None),
        whole=whole,
        backoff=Backoff(outage, random.random),
        clock=time.monotonic,
        say=lambda text: console.talk.state(f"{target.service.name}: {text}"),
    )


def _blocked(service: str, reason: str | None) -> str:
    if reason is None:
        return f"the broker of {service} takes messages again"
    return f"the broker of {service} blocks publishers ({reason}); waiting"
