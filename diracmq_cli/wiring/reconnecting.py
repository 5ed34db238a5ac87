"""What readers need to go on over another connection: the line, when to renew it, the time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.errors import UsageError
from diracmq_cli.operations.redial import Backoff, Patience, Redial
from diracmq_cli.operations.stints import Around
from diracmq_cli.wiring.dialling import ThreadDialler, wait
from diracmq_cli.wiring.renewing import renewal_of

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.core.ports import Receiver, Session
    from diracmq_cli.operations.deadline import Deadline
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

OUTAGE, OUTAGE_OF_MANY = 30.0, 300.0
"""Seconds that one loss may last by default: for who waits for so many messages, and for who reads until told."""


def check_outage(outage: float | None) -> None:
    """Refuse a time that allows no attempt.

    Raises:
        UsageError: it is one.
    """
    if outage is not None and outage <= 0:
        raise UsageError("--outage 0 would give up at once", hint="leave it out, or name a time such as 30s")


def around_of(setup: Setup, service: BrokerService, whole: Deadline, console: Console) -> Around:
    """What a reader of ``service`` has around it."""
    return Around(
        clock=time.monotonic,
        stop=console.stop,
        wait=partial(wait, console.stop),
        whole=whole,
        renewal=renewal_of(setup, service),
    )


def line_of(
    setup: Setup,
    service: BrokerService,
    serve: Callable[[Session], Receiver],
    outage: float,
    whole: Deadline,
    console: Console,
    on_session: Callable[[Session], None] = lambda _session: None,
) -> Redial[Receiver]:
    """The connection of a reader, each time with the credential as it is then.

    Args:
        serve: makes the receiver, in a thread of its own.
        outage: seconds that one loss may last.
        on_session: told of each session once its receiver is there.
    """

    def connect(timeout: float) -> Session:
        return setup.open(service, timeout=timeout, whole=whole.left, wake_fd=console.stop.wake_fd)

    return Redial(
        ThreadDialler(setup.renew, connect, serve, on_session),
        Patience(outage=outage),
        whole=whole,
        backoff=Backoff(outage, random.random),
        clock=time.monotonic,
        say=lambda text: console.talk.state(f"{service.name}: {text}"),
    )
