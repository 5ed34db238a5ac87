"""Runs a consumer: its queues are read, its workers handle what comes, until something asks for the end."""

from __future__ import annotations

import logging
import os
import select
from functools import partial
from typing import TYPE_CHECKING

from diracmq_cli.api.preloading import preload
from diracmq_cli.config import module_option
from diracmq_cli.consumer.figures import Event, Figures
from diracmq_cli.consumer.health import State
from diracmq_cli.consumer.module import ConsumerModule, Surroundings
from diracmq_cli.consumer.monitor import Monitor
from diracmq_cli.consumer.quota import Quota
from diracmq_cli.consumer.settling import Shared
from diracmq_cli.consumer.source import Source, check_queue, consume_options, sources_heard
from diracmq_cli.consumer.tries import Tries
from diracmq_cli.consumer.worker import Worker
from diracmq_cli.consumer.worklist import Worklist
from diracmq_cli.core.message import Handled, Settlement
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, OutputError
from diracmq_cli.wiring.acceptance import TrustOptions
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.signals import StopFlag

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.config.options import Options
    from diracmq_cli.consumer.control import Control
    from diracmq_cli.core.consumerspec import ConsumerSpec

TICK = 1.0
FAREWELL = 10.0
"""Seconds for the connections to end: what is in hand goes back, a goodbye to the broker."""

_IN_HAND_EACH = 2
_IN_HAND_TOGETHER = 500
"""Messages of a queue in hand by default: for each worker, or where they are flushed together."""

_log = logging.getLogger("dirac-consumer")


class Host:
    """One consumer in this process.

    Args:
        spec: what the CS says of it.
        options: its section, for what only the module knows.
        module: the class that handles its messages.
        setup: where queues and credentials come from.
        stop: asks for the end.
        control: the control directory.

    Raises:
        MQError: a queue is not there or cannot be read like that, or the module does not fit.
    """

    def __init__(
        self,
        spec: ConsumerSpec,
        options: Options,
        module: type[ConsumerModule],
        setup: Setup,
        stop: StopFlag,
        control: Control,
    ) -> None:
        if module.single and spec.concurrency > 1:
            raise ConfigError(
                f"Concurrency = {spec.concurrency} of {spec.source}: {module.__name__} keeps an order, one at a time",
                hint="leave Concurrency out",
            )
        self.figures = Figures()
        self.failure: BaseException | None = None
        self._spec, self._options, self._module, self._setup = spec, options, module, setup
        self._stop, self._control = stop, control
        self._ended = StopFlag()
        self._warned: set[int] = set()
        self._worklist = Worklist()
        self._sources = [self._source(address) for address in spec.queues]
        self._tries = self._open_tries()
        shared = Shared(
            spec=spec, worklist=self._worklist, tries=self._tries, quota=Quota(spec.max_messages, self._enough)
        )
        self._workers = [self._worker(number, shared) for number in range(spec.concurrency)]
        addresses = tuple(source.address for source in self._sources)
        self._monitor = Monitor(spec, self.figures, addresses, self._workers, self._new_setup)
        self._tell_of_timeouts()

    def run(self) -> None:
        """Handle messages until a stop is asked for, by signal, file or ``MaxMessages``, or something fails.

        Raises:
            BaseException: what made it fail.
        """
        preload()
        self._control.begin()
        self._monitor.begin()
        for worker in self._workers:
            worker.start()
        self._wait_for(lambda worker: worker.ready.wait(TICK), State.STARTING)
        if self.failure is None:
            for source in self._sources:
                source.start()
            names = ", ".join(source.address for source in self._sources)
            _log.info("%s takes from %s, %d at a time", self._spec.name, names, len(self._workers))
            self._watch()
        self._end()
        if self.failure is not None:
            raise self.failure

    # -- building --------------------------------------------------------------------------------------------------

    def _new_setup(self) -> Setup:
        """What a thread needs of its own."""
        return Setup(self._setup.choices, warn=partial(_log.warning, "%s"))

    def _open_tries(self) -> Tries:
        spec, directory = self._spec, self._control.directory
        try:
            tries = Tries(directory, spec.concurrency, spec.max_tries)
        except OutputError as error:
            _log.warning("%s: a message that ends the process will not be known again", error)
            return Tries(None, spec.concurrency, spec.max_tries)
        for suspect in tries.suspects:
            _log.warning("%s was being executed when the last process ended: one try more", suspect)
        return tries

    def _source(self, address: str) -> Source:
        spec = self._spec
        target = self._setup.target(address)
        check_queue(target.queue, spec.reject_to, spec.source.section)
        options = consume_options(
            str(target.queue.address),
            self._prefetch,
            TrustOptions(require=spec.origin, allowed=spec.allowed),
            spec.reject_to,
        )
        return Source(self._new_setup, target, options, self._worklist, self.figures, self._failed)

    @property
    def _prefetch(self) -> int:
        spec = self._spec
        flushes = self._module.flush is not ConsumerModule.flush
        wanted = spec.prefetch or (_IN_HAND_TOGETHER if flushes else _IN_HAND_EACH * spec.concurrency)
        return wanted if spec.max_messages is None else min(wanted, spec.max_messages)

    def _worker(self, number: int, shared: Shared) -> Worker:
        spec, setup = self._spec, self._new_setup()
        surroundings = Surroundings(
            name=spec.name,
            options=partial(module_option, self._options),
            queues=tuple(source.address for source in self._sources),
            worker=number,
            concurrency=spec.concurrency,
            setup=setup,
            count=self.figures.count_own,
        )
        return Worker(number, partial(self._module, surroundings), shared, setup, self.figures, self._failed)

    def _tell_of_timeouts(self) -> None:
        """Say at the start for how long the broker waits, and what it would not wait for."""
        spec = self._spec
        for source in self._sources:
            limit = source.patience
            asked = [
                (name, seconds)
                for name, seconds in (("ExecuteTimeout", spec.execute_timeout), ("RetryDelay", spec.retry_delay))
                if seconds is not None and seconds > limit
            ]
            for name, seconds in asked:
                _log.warning(
                    "%s = %s of %s is longer than the %s for which the broker lets a message of %s be in hand: "
                    "set its ConsumerTimeout in the CS and on the broker",
                    name,
                    format_duration(seconds),
                    spec.source,
                    format_duration(limit),
                    source.address,
                )
            if not asked:
                _log.info(
                    "%s: a message may be in hand for %s (ConsumerTimeout)", source.address, format_duration(limit)
                )

    # -- running ---------------------------------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self._ended.ask()

    def _enough(self) -> None:
        _log.info("MaxMessages = %d: ending", self._spec.max_messages)
        self._ended.ask()

    def _watch(self) -> None:
        while not self._stop.requested and not self._ended.requested:
            select.select([self._stop.wake_fd, self._ended.wake_fd], [], [], TICK)
            self._tick()
        if self._stop.requested:
            _log.info("told to end: what is in hand is finished first")

    def _tick(self) -> None:
        self._note_figures()
        self._look_at_workers()
        self._monitor.tick(State.RUNNING)
        for source in self._sources:
            if source.renewing:  # it waits for what is in hand
                for task in self._worklist.put_off_of(source):
                    task.held.settle(Handled(settlement=Settlement.REQUEUE, detail="the connection is made anew"))
        if self._control.stop_requested:
            _log.info("%s is there: ending", self._control.stop_file)
            self._ended.ask()

    def _note_figures(self) -> None:
        self.figures.connections(*sources_heard(self._sources))
        for source in self._sources:
            source.count(Event.REFUSED, source.refused_since())

    def _look_at_workers(self) -> None:
        """Warn of what takes long; end the process when a worker hangs: its message goes back, with one try more."""
        limit, patience = self._spec.execute_timeout, min(source.patience for source in self._sources)
        for number, worker in enumerate(self._workers):
            at = worker.at
            if at is None or at.seconds < patience / 2:
                self._warned.discard(number)
            elif number not in self._warned:
                self._warned.add(number)
                _log.warning(
                    "%s; after %s (ConsumerTimeout) the broker gives it to others", at, format_duration(patience)
                )
            if at is not None and limit is not None and at.seconds > limit:
                _log.critical("%s, longer than ExecuteTimeout: this process ends, so that its messages go back", at)
                self._tries.blame(number)
                logging.shutdown()
                os._exit(1)

    def _end(self) -> None:
        """Finish what is being executed and settle it, put back the rest, and let the modules clean up."""
        self._monitor.tick(State.STOPPING)
        self._worklist.close()
        for source in self._sources:
            source.stop()
        self._wait_for(lambda worker: worker.idle.wait(TICK), State.STOPPING)
        for task in self._worklist.drain():
            if not task.held.gone:
                task.source.count(Event.RETURNED)
        for source in self._sources:
            source.abandon()
        for source in self._sources:
            if not source.join(FAREWELL):
                _log.warning("%s: the connection does not end in %s", source.address, format_duration(FAREWELL))
        for worker in self._workers:
            worker.finish()
        self._wait_for(lambda worker: worker.join(TICK), State.STOPPING)
        self._tries.close()
        self._note_figures()
        self._monitor.end()
        _log.info("%s ends: %s", self._spec.name, self._total())

    def _wait_for(self, done: Callable[[Worker], bool], state: State) -> None:
        """Wait until that is true of every worker, with an eye on those that hang."""
        for worker in self._workers:
            while not done(worker):
                self._look_at_workers()
                self._monitor.tick(state)

    def _total(self) -> str:
        snapshot = self.figures.snapshot()
        totals = dict.fromkeys(Event, 0)
        for (_, event), count in snapshot.events.items():
            totals[event] += count
        said = ", ".join(f"{count} {event.value.replace('_', '-')}" for event, count in totals.items() if count)
        own = ", ".join(f"{name} {count}" for name, count in sorted(snapshot.own.items()))
        return (said or "nothing came") + (own and f"; {own}")
