"""What a program has in the place of a command's console: its stops, and the log instead of stderr."""

from __future__ import annotations

import io
import logging
from contextlib import ExitStack
from typing import TYPE_CHECKING

from diracmq_cli.output.talk import Talk
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.writer import Writer
from diracmq_cli.wiring.console import Console

if TYPE_CHECKING:
    from diracmq_cli.wiring.signals import StopFlag

_log = logging.getLogger("diracmq_cli.api")


class LogTalk(Talk):
    """Says to a log what a command would say on stderr."""

    def __init__(self, log: logging.Logger) -> None:
        super().__init__("", io.StringIO())
        self._log = log

    def info(self, text: str) -> None:
        """See ``Talk.info``."""
        self._log.info("%s", text)

    def warning(self, text: str) -> None:
        """See ``Talk.warning``."""
        self._log.warning("%s", text)


def console_of(stop: StopFlag, log: logging.Logger = _log) -> Console:
    """The console of something that ends when ``stop`` asks for it; it talks to ``log``, and nothing is ever written to
    its output."""
    return Console(
        stop=stop,
        talk=LogTalk(log),
        writer=Writer(-1, "nothing"),
        look=Look(),
        json=False,
        verbose=True,
        afterwards=ExitStack(),
    )
