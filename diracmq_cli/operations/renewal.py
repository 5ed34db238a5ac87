"""When a connection is made anew because the credential that it was made with will end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Clock

EARLIEST, LATEST = 0.75, 0.95
"""The part of a credential's remaining life after which its connection is renewed: at random, so that a herd with
equal proxies does not come back at once."""

LOOK_AGAIN = 60.0
"""Seconds until a newer credential is looked for again."""


class Renewal:
    """Tells when it is time for another connection: late in the credential's life, and there is a newer one.

    Without a newer one the connection stays: it is good until the broker ends it.

    Args:
        clock: monotonic, in seconds.
        left: asked when a connection was made: the seconds that its credential has left; None when it does not end.
        newer: whether there is one by now that ends later than that.
        jitter: a number from 0 to 1, anew each time.
    """

    def __init__(
        self,
        clock: Clock,
        left: Callable[[], float | None],
        newer: Callable[[], bool],
        jitter: Callable[[], float],
    ) -> None:
        self._clock, self._left, self._newer, self._jitter = clock, left, newer, jitter
        self._life = Deadline(clock, None)
        self.look = Deadline(clock, None)
        """When ``due`` is to be asked again."""

    def begin(self) -> None:
        """A connection was made."""
        left = self._left()
        self._life = Deadline(self._clock, left)
        part = EARLIEST + self._jitter() * (LATEST - EARLIEST)
        self.look = Deadline(self._clock, None if left is None else left * part)

    @property
    def due(self) -> bool:
        """Whether it is time."""
        if not self.look.over:
            return False
        if self._newer():
            return True
        self.look = Deadline(self._clock, min(LOOK_AGAIN, (self._life.left or LOOK_AGAIN) / 10))
        return False
