"""Runs a consumer: its queues are read, its workers handle what comes, until something asks for the end."""

from __future__ import annotations

import logging
import os
import select
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.api.preloading import preload
from diracmq_cli.config import module_option
from diracmq_cli.consumer.figures import Event, Figures
from diracmq_cli.consumer.module import ConsumerModule, Surroundings
from diracmq_cli.consumer.source import Source, consume_options, sources_heard
from diracmq_cli.consumer.tries import Tries
from diracmq_cli.consumer.worker import Worker, too_long
from diracmq_cli.consumer.worklist import Worklist
from diracmq_cli.core.message import Handled, Settlement
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.errors import ConfigError, MQError, OutputError
from diracmq_cli.wiring.acceptance import TrustOptions
from diracmq_cli.wiring.setup import Choices, Setup
from diracmq_cli.wiring.signals import StopFlag

if TYPE_CHECKING:
    from diracmq_cli.config.options import Options
    from diracmq_cli.core.consumerspec import ConsumerSpec

STOP_FILE = "stop_consumer"
TICK = 1.0
FAREWELL = 10.0
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
        control: the control directory; None where there is none.

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
        control: Path | None,
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
        self._worklist = Worklist()
        self._ended = StopFlag()
        self._warned: set[int] = set()
        self._tries = self._open_tries()
        self._sources = [self._source(address) for address in spec.queues]
        self._workers = [self._worker(number) for number in range(spec.concurrency)]
        self._warn_of_timeouts()

    def run(self) -> None:
        """Handle messages until a stop is asked for, by signal, file or ``MaxMessages``, or something fails.

        Raises:
            BaseException: what made it fail.
        """
        preload()
        if self._control is not None:
            (self._control / STOP_FILE).unlink(missing_ok=True)
        for worker in self._workers:
            worker.start()
        for worker in self._workers:
            worker.ready.wait()
        if self.failure is None:
            for source in self._sources:
                source.start()
            _log.info("%s takes from %s", self._spec.name, ", ".join(self._spec.queues))
            self._watch()
        self._end()
        if self.failure is not None:
            raise self.failure

    # -- building --------------------------------------------------------------------------------------------------

    def _new_setup(self) -> Setup:
        """What a thread needs of its own."""
        return Setup(self._setup.choices, warn=partial(_log.warning, "%s"))

    def _open_tries(self) -> Tries:
        try:
            tries = Tries(self._control, self._spec.concurrency)
        except OutputError as error:
            _log.warning("%s: a message that ends the process will not be known again", error)
            return Tries(None, self._spec.concurrency)
        for suspect in tries.suspects:
            _log.warning("message %s was being executed when the last process ended: one try more", suspect)
        return tries

    def _source(self, address: str) -> Source:
        spec = self._spec
        target = self._setup.target(address)
        flushes = self._module.flush is not ConsumerModule.flush
        usual = _IN_HAND_TOGETHER if flushes else _IN_HAND_EACH * spec.concurrency
        options = consume_options(
            address,
            spec.prefetch or usual,
            TrustOptions(require=spec.origin, allowed=spec.allowed),
            spec.reject_to,
        )
        return Source(self._new_setup, target, options, self._worklist, self.figures, self._failed)

    def _worker(self, number: int) -> Worker:
        spec, setup = self._spec, self._new_setup()
        surroundings = Surroundings(
            name=spec.name,
            options=partial(module_option, self._options),
            queues=spec.queues,
            worker=number,
            concurrency=spec.concurrency,
            setup=setup,
            count=self.figures.count_own,
        )
        return Worker(
            number,
            partial(self._module, surroundings),
            spec,
            setup,
            self._worklist,
            self._tries,
            self.figures,
            self._failed,
        )

    def _warn_of_timeouts(self) -> None:
        """Say at the start what the broker would not wait for."""
        spec = self._spec
        for source in self._sources:
            limit = 2 * source.in_hand_limit
            for name, asked in (("ExecuteTimeout", spec.execute_timeout), ("RetryDelay", spec.retry_delay)):
                if asked is not None and asked > limit:
                    _log.warning(
                        "%s = %s of %s is longer than the %s for which the broker lets a message of %s be in hand: "
                        "set its ConsumerTimeout in the CS and on the broker",
                        name,
                        format_duration(asked),
                        spec.source,
                        format_duration(limit),
                        source.address,
                    )

    # -- running ---------------------------------------------------------------------------------------------------

    def _failed(self, error: BaseException) -> None:
        if self.failure is None:
            self.failure = error
        self._ended.ask()

    def _watch(self) -> None:
        while not self._stop.requested and not self._ended.requested:
            select.select([self._stop.wake_fd, self._ended.wake_fd], [], [], TICK)
            self._tick()

    def _tick(self) -> None:
        self.figures.connections(*sources_heard(self._sources))
        for source in self._sources:
            self.figures.count(source.address, Event.REFUSED, source.refused_since())
        for number, worker in enumerate(self._workers):
            self._look_at(number, worker)
        if self._control is not None and (self._control / STOP_FILE).exists():
            _log.info("%s is there: ending", self._control / STOP_FILE)
            self._ended.ask()
        most = self._spec.max_messages
        if most is not None and self._handled >= most:
            _log.info("MaxMessages = %d: ending", most)
            self._ended.ask()

    @property
    def _handled(self) -> int:
        events = self.figures.snapshot().events
        return sum(count for (_, event), count in events.items() if event in (Event.HANDLED, Event.DEAD_LETTERED))

    def _look_at(self, number: int, worker: Worker) -> None:
        """End the process when a worker hangs: its message goes back, and counts one try more at the next start."""
        limit = self._spec.execute_timeout
        if limit is not None and (hung := too_long(worker, limit)) is not None:
            _log.critical("%s, longer than ExecuteTimeout: ending now, so that it goes back", hung)
            logging.shutdown()
            os._exit(1)
        half = min(source.in_hand_limit for source in self._sources)
        slow = too_long(worker, half)
        if slow is None:
            self._warned.discard(number)
        elif number not in self._warned:
            self._warned.add(number)
            _log.warning("%s; after %s (ConsumerTimeout) the broker takes it back", slow, format_duration(2 * half))

    def _end(self) -> None:
        """Finish what is in hand, give back the rest."""
        self._worklist.close()
        for source in self._sources:
            source.stop()
        for worker in self._workers:
            worker.join()
        self._give_back()
        started = time.monotonic()
        for source in self._sources:
            source.join(max(0.1, FAREWELL - (time.monotonic() - started)))
        self._give_back()
        self._tries.close()
        self._tick_last()

    def _give_back(self) -> None:
        for task in self._worklist.drain():
            task.held.settle(Handled(settlement=Settlement.REQUEUE, detail="the consumer ends"))
            self.figures.in_hand(-1)
            self.figures.count(task.source.address, Event.RETURNED)

    def _tick_last(self) -> None:
        self.figures.connections(*sources_heard(self._sources))
        snapshot = self.figures.snapshot()
        totals = dict.fromkeys(Event, 0)
        for (_, event), count in snapshot.events.items():
            totals[event] += count
        said = ", ".join(f"{count} {event.value.replace('_', '-')}" for event, count in totals.items() if count)
        own = ", ".join(f"{name} {count}" for name, count in sorted(snapshot.own.items()))
        _log.info("%s ends: %s%s", self._spec.name, said or "nothing came", own and f"; {own}")


def control_directory(spec: ConsumerSpec, root: str | None) -> Path:
    """Where the stop file is looked for: ``ControlDirectory``, or ``control/<System>/<Name>`` below DIRAC's root."""
    if spec.control_directory is not None:
        return Path(spec.control_directory)
    if root is not None:
        return Path(root) / "control" / spec.name
    state = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    return Path(state) / "dirac-mq" / "control" / spec.name


def run_consumer(choices: Choices, name: str, stop: StopFlag) -> None:
    """Run the consumer ``System/Name`` until it is told to end.

    Raises:
        MQError: it cannot begin, or cannot go on.
    """
    from diracmq_cli.config import read_consumer
    from diracmq_cli.consumer.loading import load
    from diracmq_cli.consumer.logs import set_level

    setup = Setup(choices, warn=partial(_log.warning, "%s"))
    try:
        setup.cs.everything()
    except MQError as error:  # what the local files say may do
        _log.warning("%s", error)
    spec, options = read_consumer(setup.configuration, name)
    set_level(spec.log_level)
    if spec.stopped:
        _log.info("Status = Stopped in %s: nothing to do", spec.source)
        return
    control = control_directory(spec, setup.configuration.root)
    Host(spec, options, load(spec), setup, stop, control).run()
