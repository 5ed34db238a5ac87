"""Messages in a program's hands (port ``Launcher``): to it they are commands, and their ends are what is said of them.

``operations.handle`` takes and settles in a thread of its own, so that heartbeats go on however long the program thinks
about a message; here the two threads meet.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Delivery, Handled, Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diracmq_cli.core.verdict import Verdict


class Abandoned(Exception):
    """The program has let go of everything that it had not settled."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing more comes: that was all, or ``error`` is why."""

    error: BaseException | None


class Held:
    """One message in hand (port ``Child``); ``gone`` once it is in its queue again, or will be."""

    def __init__(self, hands: Hands, delivery: Delivery, verdict: Verdict) -> None:
        self.delivery, self.verdict = delivery, verdict
        self.handled: Handled | None = None
        self.gone = False
        self._hands = hands

    def settle(self, handled: Handled) -> bool:
        """Say what is to become of it; False when it is gone already."""
        self.handled = handled
        if not self.gone:
            self._hands.settled(self)
        return not self.gone

    def fileno(self) -> int:
        """See ``core.ports.Child``."""
        return self._hands.fileno()

    def terminate(self) -> None:
        """See ``core.ports.Child``: the message is no longer ours, and the program learns it when it settles it."""
        self.gone = True

    def result(self) -> Handled:
        """See ``core.ports.Child``."""
        return self.handled or Handled(settlement=Settlement.REQUEUE, detail="let go of")


class Hands:
    """Where deliveries wait for the program, and what it says of them for the thread that took them.

    Args:
        put: takes them instead, as for a program that takes from several queues; ``next`` then has nothing.
    """

    def __init__(self, put: Callable[[Held | End], None] | None = None) -> None:
        self._coming: SimpleQueue[Held | End] = SimpleQueue()
        self._put = self._coming.put if put is None else put
        self._settled: deque[Held] = deque()
        self._abandoned = False
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._read_end, False)
        os.set_blocking(self._write_end, False)

    # -- the thread that takes and settles -------------------------------------------------------------------------

    def start(self, delivery: Delivery, verdict: Verdict) -> Held:
        """See ``core.ports.Launcher``."""
        held = Held(self, delivery, verdict)
        self._put(held)
        return held

    def fileno(self) -> int:
        """See ``core.ports.Launcher``."""
        return self._read_end

    def ended(self) -> Sequence[Held]:
        """See ``core.ports.Launcher``.

        Raises:
            Abandoned: nobody wants anything of it any more.
        """
        with suppress(BlockingIOError):
            os.read(self._read_end, 65536)
        settled = [self._settled.popleft() for _ in range(len(self._settled))]
        if self._abandoned:
            if not settled:
                raise Abandoned
            self._wake()
        return [held for held in settled if not held.gone]

    def end(self, error: BaseException | None) -> None:
        """Nothing more will come."""
        self._put(End(error))

    # -- the program's thread --------------------------------------------------------------------------------------

    def next(self) -> Held | End:
        """Wait for the next message, or the end of all."""
        while True:
            coming = self._coming.get()
            if isinstance(coming, End) or not coming.gone:
                return coming

    def settled(self, held: Held) -> None:
        """The program has said what is to become of one."""
        self._settled.append(held)
        self._wake()

    def abandon(self) -> None:
        """Put back everything that is not settled. May be called from a signal handler."""
        self._abandoned = True
        self._wake()

    def close(self) -> None:
        """Close the pipe; the other thread has ended."""
        ends, self._read_end, self._write_end = (self._read_end, self._write_end), -1, -1
        for end in ends:
            os.close(end)

    def _wake(self) -> None:
        with suppress(OSError):  # full: whoever reads it is awake; closed: nobody does
            os.write(self._write_end, b".")
