"""What a sender is made of: stamp, connection, spool and operation, for a command and for a program alike."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.core.model import ExchangeSpec
from diracmq_cli.errors import CredentialError
from diracmq_cli.operations.bursts import Bursts, Pauses
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.line import Line
from diracmq_cli.operations.pace import Pace
from diracmq_cli.operations.paced import PacedPublisher
from diracmq_cli.operations.redial import Backoff, Patience
from diracmq_cli.operations.send import Sending
from diracmq_cli.operations.sendrequest import SendRequest, Surroundings
from diracmq_cli.wiring.dialling import ThreadDialler, wait
from diracmq_cli.wiring.preparation import Preparation, signature_of
from diracmq_cli.wiring.receipts import exchange_of
from diracmq_cli.wiring.renewing import renewal_of
from diracmq_cli.wiring.sender import sender_of
from diracmq_cli.wiring.sendoptions import GRACE, LAST_BURST, overrides_of
from diracmq_cli.wiring.setup import Setup, require_amqp

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.core.ports import Publisher, Session
    from diracmq_cli.core.stamp import Sender
    from diracmq_cli.operations.account import Account
    from diracmq_cli.operations.intake import Intake
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.keeping import SendersSpool
    from diracmq_cli.wiring.sendoptions import SendOptions
    from diracmq_cli.wiring.target import Target

STALL_WITH_SPOOL = 30.0
"""Seconds of silence after which a sender that can keep everything looks for another connection."""


@dataclass(frozen=True, slots=True)
class SendParts:
    """One run of a sender, ready to begin."""

    sending: Sending
    line: Line
    spool: SendersSpool | None


def assemble(
    setup: Setup,
    target: Target,
    options: SendOptions,
    console: Console,
    intake: Intake,
    account: Account,
    on_turn: Callable[[], None] = lambda: None,
) -> SendParts:
    """Put a sender together: from ``intake``, accounting in ``account``, calling ``on_turn`` now and then.

    Raises:
        ConfigError: AMQP is not spoken to the target's service.
        CredentialError: there is no usable credential, or it cannot sign.
        UsageError: the options do not go with the target.
    """
    require_amqp(target.service)
    whole = Deadline(time.monotonic, options.timeout)
    sender = _sender(setup, target, options)
    prepare = Preparation(
        overrides_of(options, "" if isinstance(target.spec, ExchangeSpec) else target.spec.routing_key),
        sender.anonymous() if options.anonymous else sender,
        signature_of(setup, target, options, console),
        on_foreign=lambda who: console.talk.warning(
            f"what {who} spooled is stamped anew, as {sender.login or 'an anonymous sender'} sends it"
        ),
    )
    spool = _spool(options, sender.login, target, console)
    pauses = None if options.burst is None else Pauses(options.burst, random.random)
    line = _line(setup, target, options, whole, console, prepare, sender, pauses)
    around = Surroundings(
        clock=time.monotonic,
        stop=console.stop,
        wait=partial(wait, console.stop),
        on_blocked=lambda reason: console.talk.state(_blocked(target.service.name, reason)),
        on_refused=lambda error: console.talk.warning(f"{error}; this message is left out"),
        on_turn=on_turn,
    )
    sending = Sending(
        intake,
        line,
        prepare,
        _request(target, options),
        account=account,
        kept=None if spool is None else spool.kept,
        bursts=None if pauses is None else Bursts(pauses, options.grace or LAST_BURST, time.monotonic),
        whole=whole,
        around=around,
    )
    return SendParts(sending, line, spool)


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
        grace=GRACE if options.grace is None else options.grace,
    )


def _line(
    setup: Setup,
    target: Target,
    options: SendOptions,
    whole: Deadline,
    console: Console,
    prepare: Preparation,
    sender: Sender,
    pauses: Pauses | None,
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

    pace = None if options.rate is None else Pace(time.monotonic, options.rate)

    def serve(session: Session) -> Publisher:
        publisher = session.publisher()
        return publisher if pace is None else PacedPublisher(publisher, pace)

    outage = options.longest_outage
    return Line(
        ThreadDialler(
            setup.renew,
            connect,
            serve,
            lambda session: prepare.connected(session.local_address),
        ),
        Patience(outage=outage, for_ever=options.spool is not None),
        whole=whole,
        backoff=pauses or Backoff(outage, random.random),
        clock=time.monotonic,
        say=lambda text: console.talk.state(f"{target.service.name}: {text}"),
        renewal=renewal_of(setup, target.service),
    )


def _blocked(service: str, reason: str | None) -> str:
    if reason is None:
        return f"the broker of {service} takes messages again"
    return f"the broker of {service} blocks publishers ({reason}); waiting"
