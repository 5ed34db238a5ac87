"""Calls in threads of their own, so that several slow ones take no longer together than the slowest."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Stop

T = TypeVar("T")

_LOOK_EVERY = 0.05
"""Seconds after which a wait looks whether a stop was asked for."""


class OutOfTime(Exception):
    """It has not returned; whatever it does still, nobody waits for it."""


class Background(Generic[T]):
    """A call that has begun. Its thread is a daemon: the process does not wait for it when it ends."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._done = threading.Event()
        self._results: list[T] = []
        self._error: BaseException | None = None
        threading.Thread(target=self._run, daemon=True).start()

    def result(self, timeout: float, stop: Stop | None = None) -> T:
        """What the call returned, or raised.

        Args:
            timeout: seconds to wait for it.
            stop: ends the wait.

        Raises:
            OutOfTime: it has not returned yet.
        """
        left = timeout
        while not self._done.wait(min(max(left, 0.0), _LOOK_EVERY)):
            left -= _LOOK_EVERY
            if left <= 0 or (stop is not None and stop.requested):
                raise OutOfTime
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as error:
            self._error = error
        self._done.set()
