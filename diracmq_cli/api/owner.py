"""Whose an object is: it serves the thread that made it, in the process that made it."""

from __future__ import annotations

import os
import threading

from diracmq_cli.errors import UsageError


class Owner:
    """The thread and process that may use something; to ask costs less than a microsecond."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._thread = threading.get_ident()
        self._process = os.getpid()

    @property
    def same_process(self) -> bool:
        """Whether this is the process that made it, and no child that was forked."""
        return os.getpid() == self._process

    @property
    def same_thread(self) -> bool:
        """Whether this is the thread that made it."""
        return threading.get_ident() == self._thread

    def check(self) -> None:
        """See that it is used by its owner.

        Raises:
            UsageError: another thread does, or a forked child: it has the sockets, and nobody to serve them.
        """
        if not self.same_process:
            raise UsageError(f"{self._what} was opened before this process was forked", hint="open it again here")
        if not self.same_thread:
            raise UsageError(f"{self._what} belongs to the thread that opened it", hint="open one for each thread")
