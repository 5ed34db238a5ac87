"""Read over one connection after another: what was unsettled when one was lost comes again over the next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from diracmq_cli.errors import BrokerUnreachable, MQError
from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Receiver, Stop
    from diracmq_cli.operations.redial import Redial
    from diracmq_cli.operations.renewal import Renewal


STOOD = 5.0
"""Seconds after which a connection was one, even if no message came over it: its loss begins another outage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What a reader has around it.

    ``wait`` returns when one of the descriptors is readable, a stop was asked for, or the seconds have passed;
    ``whole`` is the end of everything.
    """

    clock: Clock
    stop: Stop
    wait: Callable[[Sequence[int], float | None], None]
    whole: Deadline
    renewal: Renewal


class Work(Protocol):
    """What is done with messages, over as many connections as it takes."""

    @property
    def settled(self) -> int:
        """How many messages were settled so far."""

    def over(self, receiver: Receiver) -> bool:
        """Work over one connection.

        Returns:
            Whether all is done (a stop that was asked for ends it, too); if not, the connection is to be renewed.

        Raises:
            BrokerLost: the connection has ended; so has any other error that finds ``receiver.ended``.
            MQError, BrokenPipeError: it cannot go on.
        """


def in_stints(line: Redial[Receiver], work: Work, around: Around) -> None:
    """Let ``work`` be done, one connection after another, until it is, or a stop is asked for.

    However this ends, what is unsettled is back in its queue.

    Raises:
        MQError, BrokenPipeError: there is no connection any more, or the work cannot go on.
    """
    try:
        while not around.stop.requested:
            receiver = _connected(line, around)
            if receiver is None:
                return
            around.renewal.begin()
            if _stint(line, receiver, work, Deadline(around.clock, STOOD)):
                return
    finally:
        line.close()


def _connected(line: Redial[Receiver], around: Around) -> Receiver | None:
    """The connection, once there is one; None when a stop was asked for.

    Raises:
        MQError: it is time to give up.
    """
    while not around.stop.requested:
        line.advance()
        if line.connection is not None:
            return line.connection
        if around.whole.over and not line.dialling:  # an attempt ends by then, and says more
            raise line.failure or BrokerUnreachable("the time is up, and there is no connection")
        fd = line.fileno()
        limits = [left for left in (line.due, None if line.dialling else soonest(around.whole)) if left is not None]
        around.wait([] if fd is None else [fd], min(limits, default=None))
    return None


def _stint(line: Redial[Receiver], receiver: Receiver, work: Work, stood: Deadline) -> bool:
    """Work over one connection until it is lost or to be renewed (False), or all is done (True).

    Raises:
        MQError, BrokenPipeError: the work cannot go on, or another connection would not do better.
    """
    before = work.settled
    try:
        try:
            done = work.over(receiver)
        except BrokerUnreachable:
            raise
        except BaseException:
            with suppress(BrokerUnreachable):  # then the broker has put it back
                receiver.put_back()
            raise
        receiver.put_back()
    except MQError as error:
        if not isinstance(error, BrokerUnreachable) and not receiver.ended:
            raise
        if work.settled > before:
            line.progress()
        elif stood.over:
            line.end_outage()
        line.lost(error)
        return False
    if not done:
        line.renew()
    return done
