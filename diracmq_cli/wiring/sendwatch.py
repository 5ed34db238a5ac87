"""How far a run of ``send`` is, on a terminal: for files, and for input that takes long."""

from __future__ import annotations

import os
import stat
import sys
import time
from typing import TYPE_CHECKING

from diracmq_cli.output.sendbar import SendBar
from diracmq_cli.wiring.sendoptions import Framing, SendOptions

if TYPE_CHECKING:
    from diracmq_cli.operations.account import SendSummary
    from diracmq_cli.operations.intake import Intake
    from diracmq_cli.wiring.console import Console


class Watched:
    """Shows what is known of a run now and then; nothing where nobody looks, or where somebody types."""

    def __init__(self, options: SendOptions, console: Console, intake: Intake, summary: SendSummary) -> None:
        self._intake, self._summary = intake, summary
        self._separator = 0 if options.framing is Framing.WHOLE else 1
        self._talk = console.talk
        self._bar: SendBar | None = None
        if _looked_at(options, console):
            color = console.talk.look.color
            self._bar = SendBar(sys.stderr, _total(options), color=color, clock=time.monotonic)
            self._talk.before = self._bar.hide

    def turn(self) -> None:
        """Show the figures as they are now."""
        if self._bar is not None:
            intake, summary = self._intake, self._summary
            octets = intake.octets + self._separator * intake.messages
            self._bar.show(octets=octets, sent=summary.sent, confirmed=summary.confirmed, spooled=summary.spooled)

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.hide()
            self._talk.before = None
            self._bar = None


def _looked_at(options: SendOptions, console: Console) -> bool:
    if options.text is not None or console.talk.quiet or not sys.stderr.isatty():
        return False
    receipts_on_it = options.receipts and sys.stdout.isatty()
    return not receipts_on_it and (bool(options.files) or not os.isatty(0))


def _total(options: SendOptions) -> int | None:
    """Octets of the input; None where they are not known, or do not tell how much is left."""
    if options.framing is Framing.ENVELOPES:
        return None
    states = [os.stat(path) for path in options.files] if options.files else [os.fstat(0)]  # noqa: PTH116
    return sum(state.st_size for state in states) if all(stat.S_ISREG(state.st_mode) for state in states) else None
