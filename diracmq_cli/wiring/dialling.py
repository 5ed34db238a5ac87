"""Connections made in a thread (port ``Dialler``), and waiting for whatever comes first meanwhile.

Name resolution, TCP, TLS and AMQP may each take their whole deadline; a sender with a spool must go on reading.
"""

from __future__ import annotations

import math
import os
import select
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Session
    from diracmq_cli.wiring.signals import StopFlag

T = TypeVar("T")


class ThreadDialler(Generic[T]):
    """Dials in a thread of its own, one attempt at a time.

    The thread watches the pipe of the signals as ``broker.connect`` does, so a stop ends the attempt; it is a daemon,
    since an end of the process need not wait for it.

    Args:
        before: called in the caller's thread before each attempt.
        connect: logs in within so many seconds.
        serve: makes of the session what its user wants.
        on_session: told, in the caller's thread, of each session.
    """

    def __init__(
        self,
        before: Callable[[], object],
        connect: Callable[[float], Session],
        serve: Callable[[Session], T],
        on_session: Callable[[Session], None],
    ) -> None:
        self._before, self._connect, self._serve, self._on_session = before, connect, serve, on_session
        self._read_end, self._write_end = os.pipe()
        self._thread: threading.Thread | None = None
        self._outcome: tuple[Session, T] | BaseException | None = None

    @property
    def busy(self) -> bool:
        """See ``core.ports.Dialler``."""
        return self._thread is not None

    @property
    def done(self) -> bool:
        """See ``core.ports.Dialler``."""
        return self._outcome is not None

    def begin(self, timeout: float) -> None:
        """See ``core.ports.Dialler``."""
        self._before()
        self._thread = threading.Thread(target=self._dial, args=(timeout,), daemon=True, name="dial")
        self._thread.start()

    def fileno(self) -> int:
        """See ``core.ports.Dialler``."""
        return self._read_end

    def result(self) -> T:
        """See ``core.ports.Dialler``."""
        assert self._thread is not None
        self._thread.join()
        os.read(self._read_end, 1)
        outcome, self._outcome, self._thread = self._outcome, None, None
        assert outcome is not None
        if isinstance(outcome, BaseException):
            raise outcome
        session, served = outcome
        self._on_session(session)
        return served

    def _dial(self, timeout: float) -> None:
        try:
            session = self._connect(timeout)
            try:
                self._outcome = session, self._serve(session)
            except BaseException:
                session.close()
                raise
        except BaseException as error:
            self._outcome = error
        os.write(self._write_end, b".")


def wait(stop: StopFlag, fds: Sequence[int], seconds: float | None) -> None:
    """Wait until one of ``fds`` is readable, a signal came, or ``seconds`` have passed (None: for ever).

    The pipe of the signals is not emptied: a connection that is being made watches it too.
    """
    poll = select.poll()
    for fd in fds if stop.requested else (*fds, stop.wake_fd):
        poll.register(fd, select.POLLIN)
    poll.poll(None if seconds is None else math.ceil(seconds * 1000))
