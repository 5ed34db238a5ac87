"""One of a consumer's threads: an instance of the module, and what becomes of the messages that it is given."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from diracmq_cli.consumer.deadletters import DeadLetters
from diracmq_cli.consumer.figures import Event
from diracmq_cli.consumer.forwards import Forwards
from diracmq_cli.consumer.job import Job
from diracmq_cli.consumer.module import ConsumerModule
from diracmq_cli.consumer.outcomes import Reject, Retry
from diracmq_cli.consumer.tries import key_of
from diracmq_cli.core.message import Handled, Settlement
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import MQError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.tries import Tries
    from diracmq_cli.consumer.worklist import Task, Worklist
    from diracmq_cli.core.consumerspec import ConsumerSpec
    from diracmq_cli.wiring.setup import Setup

FLUSH_EVERY = 1.0
"""Seconds between two calls of ``flush`` at most."""

_LOOK_EVERY = 1.0
_log = logging.getLogger("dirac-consumer")


class Failed(Exception):
    """A try that failed without an exception of its own."""


class Worker:
    """Handles messages one at a time.

    Args:
        number: which of the consumer's workers this is, from 0.
        make: makes the module, in the thread.
        failed: told of what ends the consumer.
    """

    def __init__(
        self,
        number: int,
        make: Callable[[], ConsumerModule],
        spec: ConsumerSpec,
        setup: Setup,
        worklist: Worklist,
        tries: Tries,
        figures: Figures,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._number, self._make, self._spec = number, make, spec
        self._worklist, self._tries, self._figures, self._failed = worklist, tries, figures, failed
        self._forwards = Forwards(setup, figures)
        self._dead_letters = DeadLetters(setup)
        self._unflushed: list[Task] = []
        self._flushed = time.monotonic()
        self.ready = threading.Event()
        """Set when the module is initialized, or could not be."""
        self.at: tuple[float, str] | None = None
        """Since when (monotonic) it has been at work on which message."""
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"{spec.name} {number}")

    def start(self) -> None:
        """Begin: initialize the module, then handle messages."""
        self._thread.start()

    def join(self) -> None:
        """Wait for its end: the message in hand is settled, the module finalized."""
        self._thread.join()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            module = self._make()
            module.initialize()
        except BaseException as error:
            self._failed(error)
            self.ready.set()
            return
        self.ready.set()
        try:
            self._handle(module)
        except BaseException as error:
            self._failed(error)
        finally:
            self._finish(module)
            self._forwards.close()

    def _handle(self, module: ConsumerModule) -> None:
        flushes = type(module).flush is not ConsumerModule.flush
        while not self._worklist.closed:
            task = self._worklist.get(0 if self._unflushed else _LOOK_EVERY)
            if task is not None:
                self._take(module, task, flushes=flushes)
            if flushes and (task is None or time.monotonic() - self._flushed >= FLUSH_EVERY):
                self._flush(module)
        if flushes:
            self._flush(module)

    def _take(self, module: ConsumerModule, task: Task, *, flushes: bool) -> None:
        if task.held.gone:
            self._count(task, Event.LOST)
            self._figures.in_hand(-1)
            return
        if task.giving_back:
            self._settle(task, Settlement.REQUEUE, Event.RETURNED)
            return
        key = key_of(task.held.delivery)
        tries = self._tries.of(key)
        if tries >= self._spec.max_tries:  # it ended the last process
            self._give_up(task, f"failed {tries} times, the last time it ended the consumer")
            return
        self._forwards.begin()
        try:
            self._execute(module, task, key, tries)
        except Retry as error:
            self._retry(task, error)
        except Reject as error:
            self._give_up(task, str(error) or "rejected")
        except BaseException as error:  # SystemExit too: a message ends no consumer
            self._has_failed(task, error)
        else:
            if flushes:
                self._unflushed.append(task)
            else:
                self._done(task)

    def _execute(self, module: ConsumerModule, task: Task, key: str, tries: int) -> None:
        job = Job(
            task.held.delivery, task.held.verdict, address=task.source.address, tries=tries, forwarding=self._forwards
        )
        started = time.monotonic()
        self.at = started, key
        try:
            with self._tries.at_work(self._number, key):
                said = module.execute(job)
        finally:
            self.at = None
            self._figures.executed(time.monotonic() - started)
        if isinstance(said, dict) and said.get("OK") is False:
            raise Failed(str(said.get("Message") or "S_ERROR"))

    def _flush(self, module: ConsumerModule) -> None:
        tasks, self._unflushed = self._unflushed, []
        self._flushed = time.monotonic()
        try:
            module.flush()
        except Retry as error:
            for task in tasks:
                self._retry(task, error)
        except BaseException as error:
            if not tasks:
                _log.error("flush: %s", _said(error))
            for task in tasks:
                self._has_failed(task, error)
        else:
            for task in tasks:
                self._done(task)

    def _finish(self, module: ConsumerModule) -> None:
        for task in self._unflushed:
            self._settle(task, Settlement.REQUEUE, Event.RETURNED)
        try:
            module.finalize()
        except BaseException as error:
            self._failed(error)

    # -- what becomes of a message ---------------------------------------------------------------------------------

    def _done(self, task: Task) -> None:
        self._tries.done(key_of(task.held.delivery))
        self._settle(task, Settlement.ACK, Event.HANDLED)

    def _retry(self, task: Task, error: Retry) -> None:
        self._count(task, Event.RETRIED)
        self._put_off(task, self._spec.retry_delay if error.after is None else error.after)
        _log.info("message %s comes again: %s", key_of(task.held.delivery), error)

    def _has_failed(self, task: Task, error: BaseException) -> None:
        key = key_of(task.held.delivery)
        tries = self._tries.failed(key)
        self._count(task, Event.FAILED)
        most = self._spec.max_tries
        level = logging.WARNING if isinstance(error, MQError) else logging.ERROR
        trace = None if isinstance(error, (MQError, Failed)) else error
        _log.log(level, "message %s failed (%d of %d): %s", key, tries, most, _said(error), exc_info=trace)
        if tries >= most:
            self._give_up(task, f"failed {tries} times: {_said(error)}")
        else:
            self._put_off(task, self._spec.retry_delay)

    def _put_off(self, task: Task, delay: float) -> None:
        """Keep it in hand until it is due, or give it back once it has been in hand for too long."""
        left = task.source.in_hand_limit - (time.monotonic() - task.since)
        task.giving_back = delay > left
        self._worklist.put_later(task, max(0.0, min(delay, left)))

    def _give_up(self, task: Task, reason: str) -> None:
        key = key_of(task.held.delivery)
        try:
            kept = self._dead_letters.give_up(task, reason)
        except MQError as error:
            _log.warning("message %s cannot be dead-lettered now: %s", key, error)
            self._put_off(task, self._spec.retry_delay)
            return
        _log.warning("message %s is given up: %s", key, reason)
        self._figures.in_hand(-1)
        self._count(task, Event.DEAD_LETTERED if kept else Event.LOST)
        if kept:
            self._tries.done(key)

    def _settle(self, task: Task, settlement: Settlement, event: Event) -> None:
        kept = task.held.settle(Handled(settlement=settlement, detail=event.value))
        self._figures.in_hand(-1)
        self._count(task, event if kept else Event.LOST)

    def _count(self, task: Task, event: Event) -> None:
        self._figures.count(task.source.address, event)


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, (MQError, Failed)) else f"{type(error).__name__}: {error}"


def too_long(worker: Worker, limit: float) -> str | None:
    """What to say of a worker that has been at one message for longer than ``limit`` seconds; else None."""
    at = worker.at
    if at is None or time.monotonic() - at[0] < limit:
        return None
    return f"message {at[1]} has been executed for {format_duration(time.monotonic() - at[0])}"
