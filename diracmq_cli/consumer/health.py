"""The health of a consumer in one line, for who has to judge whether it is at work or hangs."""

from __future__ import annotations

import json
import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING

from diracmq_cli.consumer.statusfile import StatusFile
from diracmq_cli.core.jsonvalues import time_to_json

if TYPE_CHECKING:
    from diracmq_cli.consumer.figures import Snapshot

EVERY = 2.0
"""Seconds between two lines, unless the state changes before."""


class State(StrEnum):
    """What a consumer is about."""

    STARTING = "starting"
    RUNNING = "running"
    DISCONNECTED = "disconnected"
    """Running, but for some of its queues without a broker; it goes on trying."""
    STOPPING = "stopping"
    """It finishes what is in hand."""


class HealthFile:
    """The health file: one JSON object on one line, as old as the thread that watches over everything was last alive.

    It is removed at the end, so that a file that gets old always means a process that hangs or has died.

    Args:
        path: the file.
        component: ``System/Name``.
    """

    def __init__(self, path: str, component: str) -> None:
        self._file = StatusFile(path, "HealthFile")
        self._component = component
        self._state: State | None = None
        self._since = self._written = 0.0

    def begin(self, figures: Snapshot) -> None:
        """Write the first line: it is starting.

        Raises:
            OutputError: the file cannot be written.
        """
        self._enter(State.STARTING)
        self._file.begin(self._line(figures, None))

    def tick(self, state: State, figures: Snapshot, executing: float | None) -> None:
        """Write a line if it is time.

        Args:
            executing: seconds of the ``execute`` (or ``flush``) that has been running longest; None when none does.
        """
        if state is not self._state:
            self._enter(state)
        elif time.monotonic() - self._written < EVERY:
            return
        self._written = time.monotonic()
        self._file.replace(self._line(figures, executing))

    def end(self) -> None:
        """It is over."""
        self._file.remove()

    def _enter(self, state: State) -> None:
        self._state, self._since = state, time.time()
        self._written = time.monotonic()

    def _line(self, figures: Snapshot, executing: float | None) -> str:
        silent = time.monotonic() - figures.last_heard if figures.connected else None
        fields = {
            "pid": os.getpid(),
            "component": self._component,
            "time": time_to_json(int(time.time())),
            "state": self._state,
            "since": time_to_json(int(self._since)),
            "in_hand": figures.in_hand,
            "broker_silent_seconds": None if silent is None else round(max(0.0, silent), 1),
            "executing_seconds": None if executing is None else round(executing, 1),
        }
        return json.dumps(fields) + "\n"
