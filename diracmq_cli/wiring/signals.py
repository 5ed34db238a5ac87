"""Asking for an end. The first SIGINT or SIGTERM asks for a clean one, the second ends at once; both end as the signal
does."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType, TracebackType

STOPPING = (signal.SIGINT, signal.SIGTERM)


class StopFlag:
    """The port ``Stop``, set by whoever wants an end; ``wake_fd`` becomes readable then, so that no wait for the
    network outlasts it."""

    def __init__(self) -> None:
        self._asked = False
        self.wake_fd, self._wake_write = os.pipe()
        os.set_blocking(self.wake_fd, False)
        os.set_blocking(self._wake_write, False)

    @property
    def requested(self) -> bool:
        """Whether an end was asked for."""
        return self._asked

    def ask(self) -> None:
        """Ask for the end; from any thread, and from a signal handler."""
        self._asked = True
        with suppress(OSError):  # full: it is readable; closed: nobody waits
            os.write(self._wake_write, b".")

    def close(self) -> None:
        """Close the pipe: nobody waits any more."""
        write_end, self._wake_write = self._wake_write, -1
        os.close(write_end)
        os.close(self.wake_fd)


class StopSignals(StopFlag):
    """A flag that signals set while it is entered.

    SIGTERM stays ignored if whoever started us ignores it: a pilot's wrapper does, so that its sender outlives the
    payload when a batch system tells all of them to end. SIGINT does not: shells have every job in the background
    ignore it.

    On leaving, a signal that came is raised again with its default action: a shell then sees 130 or 143, as it should.
    """

    def __init__(self) -> None:
        super().__init__()
        self.signum: signal.Signals | None = None

    @property
    def requested(self) -> bool:
        """True from the first signal on."""
        return self.signum is not None

    def __enter__(self) -> StopSignals:
        heard = [signum for signum in STOPPING if signum is signal.SIGINT or not _is_ignored(signum)]
        self._before = {signum: signal.signal(signum, self._handle) for signum in heard}
        self._wakeup_before = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(self._wakeup_before)
        for signum, handler in self._before.items():
            signal.signal(signum, handler)
        self.close()
        if self.signum is not None and not isinstance(error, BrokenPipeError):
            die_of(self.signum)

    def _handle(self, signum: int, _frame: FrameType | None) -> None:
        if self.signum is not None:
            die_of(signal.Signals(signum))
        self.signum = signal.Signals(signum)


def _is_ignored(signum: signal.Signals) -> bool:
    return signal.getsignal(signum) is signal.SIG_IGN


def die_of(signum: signal.Signals) -> None:
    """End the process by the signal itself, without a word: 130, 141 or 143 in a shell."""
    if signum is signal.SIGPIPE:
        # Nobody reads what the interpreter would still flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    else:
        sys.stdout.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
