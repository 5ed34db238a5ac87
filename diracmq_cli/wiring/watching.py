"""List, again and again: ``list --watch``, wired."""

from __future__ import annotations

import math
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.errors import MQError, UsageError
from diracmq_cli.operations.listing import in_short
from diracmq_cli.operations.watch import Watch
from diracmq_cli.output.watch import LiveView, NdjsonView, PagedView, Round, Row, View
from diracmq_cli.wiring.selecting import Choice
from diracmq_cli.wiring.selecting import select as select_queues

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.core.ports import Inspector
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

DEFAULT_INTERVAL = 2.0
SHORTEST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """The flags of ``list --watch``, in seconds; without ``timeout`` it goes on until it is told to end."""

    choice: Choice
    interval: float | None = None
    timeout: float | None = None

    @property
    def every(self) -> float:
        """Seconds from one round to the next.

        Raises:
            UsageError: they are too few.
        """
        if self.interval is not None and self.interval < SHORTEST:
            raise UsageError(f"--interval is shorter than {SHORTEST:g} s")
        return DEFAULT_INTERVAL if self.interval is None else self.interval


def run_watch(setup: Setup, options: WatchOptions, console: Console) -> None:
    """Show the queues round after round.

    A broker that goes away is said, and dialled again; only where none can be asked in the first round, that is the
    end.

    Raises:
        UnknownDestination: no queue of that name.
        MQError: not one broker could be asked.
        OutputError, BrokenPipeError: standard output takes no more.
    """
    interval = options.every
    selection = select_queues(setup, options.choice)
    for error in (*([] if selection.failure is None else [selection.failure]), *selection.refused):
        console.talk.warning(str(error))

    def open_inspector(service: BrokerService, timeout: float) -> Inspector:
        return setup.open(service, timeout=timeout, wake_fd=console.stop.wake_fd).inspector()

    ends = math.inf if options.timeout is None else time.monotonic() + options.timeout
    with closing(Watch(selection.queues, open_inspector, interval=interval, clock=time.monotonic)) as watch:
        seen = _round(watch)
        if watch.all_away and not console.stop.requested:
            raise next(iter(watch.failures.values()))
        with _view(setup, console, interval) as view, _resizes():
            told = _Told(console)
            while not console.stop.requested:
                view.show(seen)
                if not isinstance(view, LiveView):
                    told.tell(watch.failures)
                if not _wait(console, view, min(time.monotonic() + interval, ends)) or time.monotonic() >= ends:
                    break
                seen = _round(watch)


def _round(watch: Watch) -> Round:
    rows = [Row(observation.state, observation.change) for observation in watch.look()]
    return Round(rows, time.time(), {name: in_short(failure) for name, failure in watch.failures.items()})


def _view(setup: Setup, console: Console, interval: float) -> View:
    if console.json or not console.look.is_terminal:
        return NdjsonView(console.writer)
    if setup.choices.environment.get("TERM", "dumb") == "dumb":
        return PagedView(console.writer, console.look)
    return LiveView(console.look, interval)


def _wait(console: Console, view: View, until: float) -> bool:
    """Wait for a moment of the monotonic clock; False when a stop was asked for before."""
    while not console.stop.requested:
        left = until - time.monotonic()
        if left <= 0:
            return True
        ready, _, _ = select.select([console.stop.wake_fd], [], [], left)
        if ready:
            os.read(console.stop.wake_fd, 4096)
            view.redraw()
    return False


@contextmanager
def _resizes() -> Iterator[None]:
    """Let a new size of the terminal wake us: a signal that has a handler writes into the pipe (set_wakeup_fd)."""
    before = signal.signal(signal.SIGWINCH, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, before)


class _Told:
    """Says on stderr which brokers went away and which came back, each once."""

    def __init__(self, console: Console) -> None:
        self._talk = console.talk
        self._away: set[str] = set()

    def tell(self, failures: Mapping[str, MQError]) -> None:
        for name in failures.keys() - self._away:
            self._talk.warning(f"{failures[name]}; trying again")
        for name in self._away - failures.keys():
            self._talk.info(f"the broker of {name} answers again")
        self._away = set(failures)
