"""A connection that is made, and made again after a loss, without ever waiting for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import BrokerUnreachable, CredentialError, HostUnknown, MQError, TemporaryFailure
from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock, Dialler

FIRST_PAUSE, LONGEST_PAUSE = 30.0, 300.0
"""Seconds: the most that a herd spreads its first attempts over, and what the doubling ends at."""

STEADY = 60.0
"""Seconds after which a connection counts as good, and the next loss as a new one."""

DIAL_TIMEOUT = 30.0
"""Seconds for one attempt at all addresses."""

WORTH_ANOTHER_TRY = (BrokerUnreachable, HostUnknown, TemporaryFailure)


class Closable(Protocol):
    """What serves somebody on a connection of its own."""

    def close(self) -> None:
        """Close the connection."""


C = TypeVar("C", bound=Closable)


class Backoff:
    """Pauses between attempts: full jitter over a span that doubles.

    Args:
        outage: how long one loss may last; the first span is at most a tenth of it, so that a short one is tried soon.
        jitter: a number from 0 to 1, anew each time.
    """

    def __init__(self, outage: float, jitter: Callable[[], float]) -> None:
        self._first = min(FIRST_PAUSE, outage / 10)
        self._jitter = jitter
        self.reset()

    def reset(self) -> None:
        """Begin with the first span again."""
        self._span = self._first

    def next(self) -> float:
        """Seconds until the next attempt."""
        pause = self._jitter() * self._span
        self._span = min(2 * self._span, LONGEST_PAUSE)
        return pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a run may go without a broker.

    ``outage`` bounds one loss, in seconds. ``for_ever`` is for who keeps everything on disk meanwhile: he never gives
    up, not even when the first attempt fails or the credential is refused.
    """

    outage: float
    for_ever: bool = False


class Redial(Generic[C]):
    """A connection, or the next attempt to get one.

    Args:
        dialler: makes connections.
        patience: when to give up.
        whole: the end of everything.
        say: told in words when the connection is lost, when the trouble becomes another one, and when it is back.
    """

    def __init__(
        self,
        dialler: Dialler[C],
        patience: Patience,
        *,
        whole: Deadline,
        backoff: Backoff,
        clock: Clock,
        say: Callable[[str], None],
    ) -> None:
        self.connection: C | None = None
        self.failure: MQError | None = None
        self.tried = False
        """Whether an attempt has ended since the connection was lost, or since the beginning."""
        self._dialler, self._patience, self._whole, self._backoff = dialler, patience, whole, backoff
        self._clock, self._say = clock, say
        self._was_up = self._down = False
        self._doubted = False
        self._told: MQError | None = None
        self._next = Deadline(clock, 0)
        self._outage = Deadline(clock, None)
        self._steady = Deadline(clock, None)

    @property
    def dialling(self) -> bool:
        """An attempt is under way."""
        return self._dialler.busy

    @property
    def was_up(self) -> bool:
        """There has been a connection."""
        return self._was_up

    @property
    def due(self) -> float | None:
        """Seconds until ``advance`` has something to do by itself; None when nothing is to be waited for."""
        if self.connection is not None:
            return None
        return soonest(*self._limits, *(() if self.dialling else (self._next,)))

    def fileno(self) -> int | None:
        """What becomes readable when an attempt has ended."""
        return self._dialler.fileno() if self._dialler.busy else None

    def advance(self) -> bool:
        """Begin an attempt that is due, or take the outcome of one that has ended; True when we are connected anew.

        Raises:
            MQError: it is time to give up, for that reason.
        """
        if self.connection is not None:
            self._note_steadiness()
            return False
        if self._dialler.done:
            return self._take()
        if self._outage.over and self.failure is not None and not self._patience.for_ever:
            raise self.failure
        if not self._dialler.busy and self._next.over:
            self._begin(DIAL_TIMEOUT)
        return False

    def hurry(self, timeout: float) -> None:
        """Try now, if no attempt was made since the loss, for so many seconds at most."""
        if not self._dialler.busy and not self.tried:
            self._begin(timeout)

    def lost(self, error: MQError) -> None:
        """The connection has ended for that reason, or is of no use any more.

        Raises:
            MQError: ``error``, where another connection would not do better.
        """
        self._note_steadiness()
        doubtful = isinstance(error, CredentialError) and not self._doubted
        if not self._patience.for_ever and not doubtful and not isinstance(error, BrokerUnreachable):
            raise error
        self._doubted = True  # a credential that has ended may have been renewed; one that is refused again has not
        self.close()
        self.tried = False
        self._retry(error)

    def renew(self) -> None:
        """Make the connection anew, at once: nothing is wrong with it yet."""
        self.rest(0)

    def rest(self, seconds: float) -> None:
        """Have no connection for so long: none is wanted."""
        self.close()
        self.tried, self.failure = False, None
        self._next = Deadline(self._clock, seconds)

    def end_outage(self) -> None:
        """Whatever comes next is another outage."""
        self._outage = Deadline(self._clock, None)

    def progress(self) -> None:
        """The broker does its work."""
        self.end_outage()
        self._doubted = False
        self._told = None

    def close(self) -> None:
        """Close the connection, if there is one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def _note_steadiness(self) -> None:
        if self._steady.over:
            self.progress()
            self._backoff.reset()
            self._steady = Deadline(self._clock, None)

    @property
    def _limits(self) -> tuple[Deadline, ...]:
        return () if self._patience.for_ever else (self._outage,)

    def _begin(self, timeout: float) -> None:
        left = soonest(self._whole, *self._limits)
        self._dialler.begin(timeout if left is None else min(timeout, left))

    def _take(self) -> bool:
        self.tried = True
        try:
            self.connection = self._dialler.result()
        except MQError as error:
            if not self._patience.for_ever and not (self._was_up and isinstance(error, WORTH_ANOTHER_TRY)):
                raise
            self._retry(error)
            return False
        if self._down:
            self._say("connected" + (" again" if self._was_up else ""))
        self._was_up, self._down, self._told = True, False, None
        self._steady = Deadline(self._clock, STEADY)
        return True

    def _retry(self, error: MQError) -> None:
        self.failure, self._down = error, True
        if self._outage.left is None:
            self._outage = Deadline(self._clock, self._patience.outage)
        if self._outage.over and not self._patience.for_ever:
            raise error
        pause = self._backoff.next()
        if not self._patience.for_ever:  # however often it was lost lately, an outage is not slept through
            pause = min(pause, self._patience.outage / 3)
        self._next = Deadline(self._clock, pause)
        if self._told is not None and self._told.exit_status == error.exit_status:
            return
        self._told = error
        hint = f" ({error.hint})" if isinstance(error, CredentialError) and error.hint else ""
        self._say(f"{error}{hint}; trying again in {format_duration(pause)}")
