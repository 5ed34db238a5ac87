"""One of a consumer's threads: an instance of the module, and the messages that it is given one by one."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.consumer.deadletters import DeadLetters
from diracmq_cli.consumer.ends import Again, Done, End, end_of, words
from diracmq_cli.consumer.forwards import Forwards
from diracmq_cli.consumer.job import Job
from diracmq_cli.consumer.module import ConsumerModule
from diracmq_cli.consumer.settling import Settling, Shared
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import MQError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.worklist import Task
    from diracmq_cli.wiring.setup import Setup

FLUSH_EVERY = 1.0
"""Seconds between two calls of ``flush`` at most."""

_LOOK_EVERY = 1.0
_log = logging.getLogger("dirac-consumer")


@dataclass(frozen=True, slots=True)
class At:
    """What a worker is at, in words, and since when (monotonic)."""

    what: str
    since: float

    @property
    def seconds(self) -> float:
        """For how long."""
        return time.monotonic() - self.since

    def __str__(self) -> str:
        return f"{self.what} has been going on for {format_duration(self.seconds)}"


class Worker:
    """Handles messages one at a time.

    Args:
        number: which of the consumer's workers this is, from 0.
        make: makes the module, in the thread.
        shared: what it has in common with the other workers.
        setup: where it logs in; of this thread alone.
        failed: told of what ends the consumer.
    """

    def __init__(
        self,
        number: int,
        make: Callable[[], ConsumerModule],
        shared: Shared,
        setup: Setup,
        figures: Figures,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._number, self._make, self._shared = number, make, shared
        self._figures, self._failed = figures, failed
        self._forwards = Forwards(setup, figures)
        self._dead_letters = DeadLetters(setup)
        self._settling = Settling(shared, self._dead_letters)
        self._unflushed: list[Task] = []
        self._flushed = time.monotonic()
        self.ready = threading.Event()
        """Set when the module is initialized, or could not be."""
        self.idle = threading.Event()
        """Set when it executes nothing any more, and has said what is to become of all that it has executed."""
        self.at: At | None = None
        """What it is at now, if that is the module's work."""
        self._may_finalize = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"{shared.spec.name} {number}")

    def start(self) -> None:
        """Begin: initialize the module, then handle messages."""
        self._thread.start()

    def finish(self) -> None:
        """Everything is settled: the module may be finalized; ``join`` waits for that."""
        self._may_finalize.set()

    def join(self, timeout: float) -> bool:
        """Wait for its end; whether it has come."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            module = self._make()
            module.initialize()
        except BaseException as error:
            self._fail("initialized", error)
            self.idle.set()
            return
        finally:
            self.ready.set()
        try:
            self._handle(module)
        except BaseException as error:
            self._failed(error)
        self.idle.set()
        self._may_finalize.wait()
        try:
            module.finalize()
        except BaseException as error:
            self._fail("finalized", error)
        self._forwards.close()
        self._dead_letters.close()

    def _fail(self, what: str, error: BaseException) -> None:
        """The module is at fault, and what it raised is its own: an error of ours names what to mend."""
        if isinstance(error, MQError):
            self._failed(error)
            return
        _log.error("the module cannot be %s", what, exc_info=error)
        self._failed(MQError(f"the module cannot be {what}: {words(error)}"))

    def _handle(self, module: ConsumerModule) -> None:
        worklist = self._shared.worklist
        flushes = type(module).flush is not ConsumerModule.flush
        while not worklist.closed:
            task = worklist.get(0 if self._unflushed else _LOOK_EVERY)
            if task is not None and self._settling.begin(task):
                self._take(module, task, flushes=flushes)
            elif task is None:
                self._dead_letters.rest()
            if flushes and (task is None or time.monotonic() - self._flushed >= FLUSH_EVERY):
                self._flush(module)
        if flushes:
            self._flush(module)

    def _take(self, module: ConsumerModule, task: Task, *, flushes: bool) -> None:
        end = self._execute(module, task)
        if end is None:
            self._settling.return_unexecuted(task)
        elif flushes and isinstance(end, Done):
            self._unflushed.append(task)
        else:
            self._settling.end(task, end)

    def _execute(self, module: ConsumerModule, task: Task) -> End | None:
        """How it ended; None when it is not to begin any more."""
        tries = self._shared.tries
        job = Job(
            task.held.delivery,
            task.held.verdict,
            address=task.source.address,
            tries=tries.of(task.key),
            forwarding=self._forwards,
        )
        self._forwards.begin()
        with tries.at_work(self._number, task.key, task.label):
            if self._shared.worklist.closed or task.held.gone:  # it may have had to wait to be alone
                return None
            started = time.monotonic()
            with self._being_at(f"the execution of {task.label}"):
                end = end_of(lambda: module.execute(job))
            self._figures.executed(time.monotonic() - started)
        return end

    def _flush(self, module: ConsumerModule) -> None:
        tasks, self._unflushed = self._unflushed, []
        self._flushed = time.monotonic()
        with self._being_at(f"the flush of {len(tasks)} messages"):
            end = end_of(module.flush)
        if not tasks and not isinstance(end, Done | Again):
            _log.error("flush: %s", end.reason)
        for task in tasks:
            self._settling.end(task, end)

    @contextmanager
    def _being_at(self, what: str) -> Iterator[None]:
        self.at = At(what, time.monotonic())
        try:
            yield
        finally:
            self.at = None
