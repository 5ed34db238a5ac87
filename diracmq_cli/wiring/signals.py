"""Signals: the first SIGINT or SIGTERM asks for a clean end, the second ends at once; both end as the signal does."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, TracebackType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """The port ``Stop``, fed by signals while it is entered.

    ``wake_fd`` becomes readable when a signal arrives, so that no wait for the network outlasts it. On leaving, a
    signal that came is raised again with its default action: a shell then sees 130 or 143, as it should.
    """

    def __init__(self) -> None:
        self.signum: signal.Signals | None = None
        self.wake_fd, self._wake_write = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._wake_write, False)

    @property
    def requested(self) -> bool:
        """True from the first signal on."""
        return self.signum is not None

    def __enter__(self) -> StopSignals:
        self._before = {signum: signal.signal(signum, self._handle) for signum in STOPPING}
        self._wakeup_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        os.close(self.wake_fd)
        os.close(self._wake_write)
        if self.signum is not None and not isinstance(error, BrokenPipeError):
            die_of(self.signum)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.signum is not None:
            die_of(signal.Signals(signum))
        self.signum = signal.Signals(signum)


def die_of(signum: signal.Signals) -> None:
    """End the process by the signal itself, without a word: 130, 141 or 143 in a shell."""
    if signum is signal.SIGPIPE:
        # Nobody reads what the interpreter would still flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        sys.stdout.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
