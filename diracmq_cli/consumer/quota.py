"""How many messages may be handled in all (``MaxMessages``)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Quota:
    """Counts messages that are begun and that are done; from any thread.

    Args:
        most: None for no limit.
        enough: called once as many are done.
    """

    def __init__(self, most: int | None, enough: Callable[[], None]) -> None:
        self._most, self._enough = most, enough
        self._lock = threading.Lock()
        self._begun = self._done = 0

    def begin(self) -> bool:
        """Whether one more may be begun; it counts as begun then."""
        with self._lock:
            if self._most is not None and self._begun >= self._most:
                return False
            self._begun += 1
            return True

    def unbegin(self) -> None:
        """One that was begun comes again."""
        with self._lock:
            self._begun -= 1

    def done(self) -> None:
        """One that was begun has left its queue."""
        with self._lock:
            self._done += 1
            enough = self._done == self._most
        if enough:
            self._enough()
