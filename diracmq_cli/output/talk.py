"""What a command says on stderr besides its errors, for people at a terminal and for logs."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

from diracmq_cli.core.jsonvalues import time_to_json
from diracmq_cli.output.escape import visible
from diracmq_cli.output.terminal import Look

_WARNING_STYLE = "33"


class Talk:
    """Speaks on stderr: ``dirac-mq-tail: following demo.jobs``; off a terminal with the time (UTC) before it.

    What is said is shown by ``escape.visible`` on one line. Talk never fails: a command does not end because nobody
    listens to it.

    Args:
        program: the command's name.
        stream: usually ``sys.stderr``.
        quiet: say warnings only.
        look: what the stream can show.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        program: str,
        stream: TextIO,
        *,
        quiet: bool = False,
        look: Look | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._program = program
        self._stream = stream
        self.quiet = quiet
        self.look = look or Look()
        self._clock = clock
        self._state: str | None = None
        self.before: Callable[[], None] | None = None
        """Called before each line: whoever draws on the terminal takes that away."""

    def info(self, text: str) -> None:
        """Say something once, such as what is followed or how it ended."""
        if not self.quiet:
            self._say(text)

    def state(self, text: str) -> None:
        """Say what goes on, such as ``the broker blocks publishers``; nothing is said while it stays the same."""
        if text != self._state:
            self._state = text
            self.info(text)

    def warning(self, text: str) -> None:
        """Say what should not be overlooked; ``quiet`` does not silence it."""
        self._say(text, warning=True)

    def _say(self, text: str, *, warning: bool = False) -> None:
        if self.before is not None:
            self.before()
        word = ""
        if warning:
            word = f"\x1b[{_WARNING_STYLE}mwarning:\x1b[m " if self.look.color else "warning: "
        time_before = "" if self.look.is_terminal else time_to_json(int(self._clock())) + " "
        with suppress(OSError, ValueError):  # ValueError: it was closed
            self._stream.write(f"{time_before}{self._program}: {word}{self.look.carried(visible(text))}\n")
            self._stream.flush()
