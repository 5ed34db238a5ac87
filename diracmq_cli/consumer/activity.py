"""DIRAC's own record of what a component is doing, sent to a queue as often as ``MonitoringInterval`` says.

Fields are those of DIRAC's monitoring type ``ComponentMonitoring`` (DIRAC 7.3,
``MonitoringSystem/Client/Types/ComponentMonitoring.py``) as ``AgentModule`` fills them: memory in MB, processor time in
per cent, ``timestamp`` in seconds. A message is a list of such records, which is what ``MonitoringReporter`` reads.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, TypeAlias

from diracmq_cli.api.opening import open_queue
from diracmq_cli.api.outgoing import Outgoing
from diracmq_cli.consumer.logs import VERBOSE
from diracmq_cli.consumer.usage import cpu_seconds, resident_octets
from diracmq_cli.errors import MQError, UnknownDestination

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.api.queue import Queue
    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.wiring.setup import Setup

QUEUE = "Framework/ComponentMonitoring"
OUTAGE = 20.0
"""Seconds that the broker may take for a record; then it is dropped, for the next one says more."""
_FAREWELL = 2.0
_MB = 1024.0 * 1024.0

Record: TypeAlias = dict[str, str | int | float]

_log = logging.getLogger("dirac-consumer")


class Activity:
    """Sends the records of a consumer, in a thread of its own, whom nobody waits for.

    Args:
        component: ``System/Name``.
        interval: seconds between two records.
        new_setup: makes what the thread needs to log in.
    """

    def __init__(self, component: str, interval: float, figures: Figures, new_setup: Callable[[], Setup]) -> None:
        self._component, self._interval, self._figures = component, interval, figures
        self._new_setup = new_setup
        self._over = threading.Event()
        self._queue: Queue | None = None
        self._problem: str | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"{component} activity")

    def start(self) -> None:
        """Begin; where the CS has no such queue, that is also the end."""
        self._thread.start()

    def end(self) -> None:
        """Send nothing more; what is on its way has two seconds left."""
        self._over.set()
        queue = self._queue
        if queue is not None:
            queue.close()
        self._thread.join(_FAREWELL)

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _run(self) -> None:
        last = _Moment(self._figures)
        while not self._over.wait(self._interval):
            try:
                if self._queue is None:
                    self._queue = open_queue(QUEUE, setup=self._new_setup(), outage=OUTAGE)
                now = _Moment(self._figures)
                self._queue.publish(_message(now.record(self._component, last)))
                last = now
            except UnknownDestination as error:
                if self._queue is None:
                    _log.log(VERBOSE, "no activity records: %s", error)
                    return
                self._missed(error)
            except Exception as error:  # whatever it is, messages go on being handled
                self._missed(error)
            else:
                self._sent()
        if self._queue is not None:
            self._queue.close()

    def _missed(self, error: Exception) -> None:
        said = str(error) if isinstance(error, MQError) else f"{type(error).__name__}: {error}"
        if self._problem is None and not self._over.is_set():
            _log.warning("no activity record to %s: %s", QUEUE, said)
        self._problem = said
        if self._queue is not None:
            self._queue.close()
            self._queue = None

    def _sent(self) -> None:
        if self._problem is not None:
            self._problem = None
            _log.info("activity records to %s again", QUEUE)


class _Moment:
    """The figures that a record is the difference of."""

    def __init__(self, figures: Figures) -> None:
        self.snapshot = figures.snapshot()
        self.cpu = cpu_seconds()
        self.clock = time.monotonic()

    def record(self, component: str, last: _Moment) -> Record:
        """What has happened since ``last``; a cycle is the execution of a message, and lasts as long as the average."""
        cycles = self.snapshot.executions - last.snapshot.executions
        seconds = self.clock - last.clock
        record: Record = {
            "timestamp": int(time.time()),
            "host": os.uname().nodename,
            "componentType": "consumer",
            "component": component.replace("/", "_"),
            "pid": os.getpid(),
            "runningTime": int(self.clock - self.snapshot.started),
            "memoryUsage": resident_octets() / _MB,
            "cpuPercentage": 100.0 * (self.cpu - last.cpu) / seconds if seconds > 0 else 0.0,
            "threads": threading.active_count(),
            "cycles": cycles,
        }
        if cycles:
            record["cycleDuration"] = (self.snapshot.seconds - last.snapshot.seconds) / cycles
        return record


def _message(record: Record) -> Outgoing:
    return Outgoing(json.dumps([record]), type="ComponentMonitoring", content_type="application/json")
