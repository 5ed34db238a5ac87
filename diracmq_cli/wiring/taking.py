"""Take messages, for a command and for a program alike: whom to believe, what to refuse, and over which connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.refusing import Refusals
from diracmq_cli.operations.stints import Around, in_stints
from diracmq_cli.wiring.acceptance import refused_text, screen_for
from diracmq_cli.wiring.once import remembering
from diracmq_cli.wiring.reconnecting import around_of, line_of

if TYPE_CHECKING:
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.ports import Receiver, Session
    from diracmq_cli.operations.handle import Handling
    from diracmq_cli.operations.reading import Reading
    from diracmq_cli.operations.screening import Screen
    from diracmq_cli.output.save import SaveSink
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.consuming import ConsumeOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

PREFETCH = 200
"""Messages unsettled at a time when they are printed or saved."""

Tell = Callable[[], None]
"""Says in the end how much was done."""

MakeWork = Callable[["Screen", Refusals, Around], "tuple[Reading | Handling, Tell]"]
"""What is to be done with messages."""


@dataclass(frozen=True, slots=True)
class Taken:
    """How many messages were taken, and how many were refused."""

    count: int
    refused: int


def take(setup: Setup, target: Target, options: ConsumeOptions, console: Console, make_work: MakeWork) -> Taken:
    """Take messages from a queue until the limits are met or a stop is asked for; the options have been checked.

    Raises:
        MQError: what went wrong; what was not safely taken is back in the queue.
    """
    queue = target.queue
    whole = Deadline(time.monotonic, options.limits.timeout)
    refusals = Refusals(
        str(queue.address),
        on_untrusted=options.action(queue),
        rejects=None if options.reject_to is None else directory_sink(options.reject_to),
        dead_letters=queue.dead_letter_queue is not None,
    )
    around = around_of(setup, target.service, whole, console)
    with remembering(queue, options.trust, once=options.once) as seen:
        screen = screen_for(queue, options.trust, setup, console, seen=seen)
        work, tell = make_work(screen, refusals, around)
        # As many as commands run: what waited behind them would use up the broker's patience, and be nobody else's.
        prefetch = PREFETCH if options.command is None else options.jobs

        def serve(session: Session) -> Receiver:
            receiver = session.consumer(queue, limit=work.missing, prefetch=prefetch)
            receiver.ready_count()  # a queue whose node of the cluster is down is no connection again
            return receiver

        line = line_of(setup, target.service, serve, options.longest_outage, whole, console)
        try:
            in_stints(line, work, around)
        finally:
            if line.was_up:
                tell()
            _tell(refusals, screen, queue, options, console)
    return Taken(work.taken, screen.refused.total())


def directory_sink(path: str) -> SaveSink:
    """What puts messages into a directory."""
    from diracmq_cli.output.save import SaveSink

    return SaveSink(Path(path))


def _tell(refusals: Refusals, screen: Screen, queue: QueueSpec, options: ConsumeOptions, console: Console) -> None:
    """Say what was refused and what was left out as a repeat."""
    if refusals.dealt_with:
        become = "held and put back" if refusals.held else options.given_up
        console.talk.warning(f"{queue.address}: {refused_text(refusals.dealt_with, become)}")
    if screen.repeated:
        console.talk.info(f"{queue.address}: {screen.repeated} dropped, taken before (the same signer and id)")
