"""Sends what a program logs, in a thread of its own, for as long as it takes."""

from __future__ import annotations

import logging
import random
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Outcome, Receipt
from diracmq_cli.errors import DataError, MQError
from diracmq_cli.operations.redial import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.api.outgoing import Outgoing
    from diracmq_cli.api.queue import Queue

_log = logging.getLogger("diracmq_cli.api")

BATCH = 1000
"""Messages that are published together."""

_SPAN = 30.0
"""Seconds whose tenth is the first pause between attempts, at most (``Backoff``); they grow to five minutes."""

_FAREWELL = 8.0
"""Seconds for the end of the thread once it was told to give up: confirms, the disk, a goodbye to the broker."""


class Shipper:
    """Takes messages from a bounded buffer and publishes them, trying again until they are taken.

    Args:
        opens: opens the queue; called in the thread, again after a failure.
        capacity: messages that may wait.
    """

    def __init__(self, opens: Callable[[], Queue], capacity: int) -> None:
        self.failure: BaseException | None = None
        """Why the last attempt did not succeed; None after one that did."""
        self.accepted = 0
        self.settled = 0
        """How many of those accepted were taken by the broker or the spool, or have been given up."""
        self.given_up = 0
        self._opens, self._capacity = opens, capacity
        self._buffer: SimpleQueue[Outgoing | None] = SimpleQueue()
        self._queue: Queue | None = None
        self._giving_up = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="log to a queue")

    def start(self) -> None:
        """Begin; what is offered before waits. A signal handler that logs may find us at it."""
        self._thread.start()

    def offer(self, message: Outgoing) -> bool:
        """Take a message, or refuse it: the buffer is full. Never waits; one thread calls it at a time."""
        if self._buffer.qsize() >= self._capacity:
            return False
        self.accepted += 1
        self._buffer.put(message)
        return True

    def close(self, timeout: float) -> None:
        """End within so many seconds if everything can be sent by then; what cannot is given up a little later."""
        self._buffer.put(None)
        self._thread.join(timeout)
        self._giving_up.set()
        queue = self._queue
        if queue is not None and self._thread.is_alive():
            queue.close()
        self._thread.join(_FAREWELL)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        backoff = Backoff(_SPAN, random.random)
        ending = False
        while not ending:
            batch, ending = self._next_batch()
            while batch and not self._giving_up.is_set():
                if self._try(batch):
                    backoff.reset()
                else:
                    self._giving_up.wait(backoff.next())
            self._settled(len(batch), given_up=True)
        if self._queue is not None:
            self._queue.close()

    def _next_batch(self) -> tuple[dict[str, Outgoing], bool]:
        """What waits, by its id, once something does; and whether that is the last."""
        batch: dict[str, Outgoing] = {}
        coming = self._buffer.get()
        while coming is not None:
            batch[str(coming.message_id)] = coming
            if len(batch) == BATCH:
                return batch, False
            try:
                coming = self._buffer.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _try(self, batch: dict[str, Outgoing]) -> bool:
        """Publish a batch; what is dealt with is taken out of it. Returns whether that was all."""

        def settle(receipt: Receipt) -> None:
            # A returned message would be returned again; a full queue may have room later.
            given_up = receipt.outcome in (Outcome.RETURNED, Outcome.LOST)
            if given_up or receipt.outcome in (Outcome.CONFIRMED, Outcome.SPOOLED):
                batch.pop(receipt.message_id)
                self._settled(1, given_up=given_up)

        try:
            self._opened().publish_many(list(batch.values()), on_receipt=settle)
        except DataError as error:
            self._failed(error)
            self._one_by_one(batch, settle)
        except Exception as error:  # nothing may end this thread: the program goes on logging
            self._failed(error)
        else:
            self.failure = None
        return not batch

    def _one_by_one(self, batch: dict[str, Outgoing], settle: Callable[[Receipt], None]) -> None:
        """Publish the rest of a batch of which a message is none that a broker would take, and give that up."""
        for message_id, message in list(batch.items()):
            try:
                self._opened().publish_many([message], on_receipt=settle)
            except DataError:
                del batch[message_id]
                self._settled(1, given_up=True)
            except MQError as error:
                self._failed(error)
                return

    def _opened(self) -> Queue:
        if self._queue is None:
            self._queue = self._opens()
        return self._queue

    def _failed(self, error: BaseException) -> None:
        if str(error) != str(self.failure):
            _log.warning("log records wait to be sent: %s", error)
        self.failure = error

    def _settled(self, count: int, *, given_up: bool) -> None:
        self.settled += count
        self.given_up += count if given_up else 0
