"""A bar on a terminal that shows how far a long run is; erased at its end, and before anything else is said."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SHOWN_AFTER = 1.0
"""Seconds: what ends before that needs no bar, and need not wait for rich to be imported."""

_EVERY = 0.1


class SendBar:
    """Messages read and confirmed, and how much of the input that is where its size is known.

    Args:
        stream: the terminal, usually ``sys.stderr``.
        total: octets of the input, None if nobody knows.
        color: whether to colour.
        clock: monotonic, in seconds.
    """

    def __init__(self, stream: TextIO, total: int | None, *, color: bool, clock: Callable[[], float]) -> None:
        self._stream, self._total, self._color, self._clock = stream, total, color, clock
        self._next = clock() + SHOWN_AFTER
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def show(self, *, octets: int, sent: int, confirmed: int, spooled: int) -> None:
        """Show figures, unless that was done a moment ago.

        Args:
            octets: of the input that have been read.
            sent, confirmed, spooled: messages.
        """
        now = self._clock()
        if now < self._next:
            return
        self._next = now + _EVERY
        kept = f", {spooled} spooled" if spooled else ""
        if self._bar is None:
            self._bar = self._begin()
            self._task = self._bar.add_task("", total=self._total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=octets, description=f"{sent} sent, {confirmed} confirmed{kept}")
        self._bar.refresh()

    def hide(self) -> None:
        """Erase the bar; the next ``show`` brings it back."""
        bar, self._bar = self._bar, None
        if bar is not None:
            bar.stop()

    def _begin(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(file=self._stream, no_color=not self._color, highlight=False)
        columns = (TextColumn("{task.description}", markup=False), BarColumn(None), TimeElapsedColumn())
        return Progress(
            *columns,
            console=console,
            auto_refresh=False,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
