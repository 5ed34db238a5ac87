"""A ``logging.Handler`` that sends records to a queue and never gets into the way of the program that logs."""

from __future__ import annotations

import logging
import math
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.api.opening import open_queue
from diracmq_cli.api.preloading import preload
from diracmq_cli.api.records import outgoing
from diracmq_cli.api.shipper import Shipper

if TYPE_CHECKING:
    from pathlib import Path

    from diracmq_cli.wiring.sendoptions import SpoolChoice
    from diracmq_cli.wiring.setup import Choices, Setup

CAPACITY = 10_000
FLUSH_TIMEOUT = 5.0

_PASSED_OVER = ("diracmq_cli", "pika")
"""Loggers whose records are passed over: sending them would make more of them."""

_LOOK_EVERY = 0.01

_JUST_BEFORE = 1.0
"""Seconds between the ``flush`` and the ``close`` of ``logging.shutdown``, at most."""


class MQHandler(logging.Handler):
    """Sends each record as a message (``records.outgoing``) from a thread of its own.

    To log costs the formatting and an entry in a buffer of ``capacity`` records; nothing is waited for, whatever the
    broker does. When the buffer is full, records are dropped and counted. Nothing that goes wrong is raised:
    ``failure`` says what it is, and it is tried again for as long as the process lives. With ``spool``, what the broker
    does not take within a second or so goes to the disk.

    At exit (``logging.shutdown``), or by ``close``, what waits has ``flush_timeout`` seconds to get out. A forked child
    begins with an empty buffer and a connection of its own; what its parent had in the buffer is sent by the parent.

    Args:
        destination, setup, sign, anonymous, spool: as for ``open_queue``, which the thread calls.
        capacity: records that may wait.
        flush_timeout: seconds.
    """

    def __init__(
        self,
        destination: str,
        *,
        level: int | str = logging.NOTSET,
        setup: Setup | Choices | None = None,
        sign: bool = False,
        anonymous: bool = False,
        spool: SpoolChoice | str | Path | bool = False,
        capacity: int = CAPACITY,
        flush_timeout: float = FLUSH_TIMEOUT,
    ) -> None:
        super().__init__(level)
        preload()
        self.flush_timeout = flush_timeout
        self._opens = partial(open_queue, destination, setup=setup, sign=sign, anonymous=anonymous, spool=spool)
        self._capacity = capacity
        self._closed = False
        self._process = os.getpid()
        self._shipper: Shipper | None = None
        self._refused = 0
        self._in_vain = -math.inf

    @property
    def dropped(self) -> int:
        """Records that were not sent: there was no room for them, or they were given up in the end."""
        return self._refused + (0 if self._shipper is None else self._shipper.given_up)

    @property
    def waiting(self) -> int:
        """Records whose fate is open."""
        return 0 if self._shipper is None else self._shipper.accepted - self._shipper.settled

    @property
    def failure(self) -> BaseException | None:
        """Why records wait, as the last attempt found; None when there is no trouble."""
        return None if self._shipper is None else self._shipper.failure

    def handle(self, record: logging.LogRecord) -> bool:
        """See ``logging.Handler.handle``. Our own threads must not wait for the handler's lock: ``logging.shutdown``
        holds it while it waits for them."""
        return str(record.name).partition(".")[0] not in _PASSED_OVER and super().handle(record)

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler.emit``."""
        if self._process != os.getpid():
            self._begin_anew()
        try:
            if self._closed or not self._living_shipper().offer(outgoing(record, self.format(record))):
                self._refused += 1
        except Exception:
            self._refused += 1
            self.handleError(record)

    def flush(self) -> None:
        """Wait until what was logged so far has been sent or given up, ``flush_timeout`` seconds at most."""
        shipper = self._shipper
        if shipper is None or self._process != os.getpid():
            return
        wanted, end = shipper.accepted, time.monotonic() + self.flush_timeout
        while shipper.settled < wanted and time.monotonic() < end:
            time.sleep(_LOOK_EVERY)
        if shipper.settled < wanted:
            self._in_vain = time.monotonic()

    def close(self) -> None:
        """Send what waits, and end the thread. A ``flush`` in vain just before has used up the time for that."""
        self._closed = True
        if self._shipper is not None and self._process == os.getpid():
            in_vain = time.monotonic() - self._in_vain < _JUST_BEFORE
            self._shipper.close(0.0 if in_vain else self.flush_timeout)
        super().close()

    def _living_shipper(self) -> Shipper:
        if self._shipper is None:
            self._shipper = Shipper(self._opens, self._capacity)
            self._shipper.start()
        return self._shipper

    def _begin_anew(self) -> None:
        """In a forked child nothing of the parent's may be touched: its threads are not here."""
        self._process = os.getpid()
        self._shipper = None
        self._refused = 0
