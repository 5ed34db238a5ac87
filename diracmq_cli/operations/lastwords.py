"""What a sender does between a first SIGINT or SIGTERM and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.errors import MQError
from diracmq_cli.operations.deadline import Deadline, soonest

if TYPE_CHECKING:
    from diracmq_cli.core.message import Receipt
    from diracmq_cli.operations.intake import Intake
    from diracmq_cli.operations.line import Line
    from diracmq_cli.operations.safekeeping import Safekeeping
    from diracmq_cli.operations.sendrequest import Surroundings

CONFIRM_GRACE = 2.0
"""Seconds that a first SIGINT or SIGTERM leaves for confirms in flight."""

QUIET = 0.5
"""Seconds of silence after which an input that was asked to end has nothing more to say."""


def last_words(
    intake: Intake,
    line: Line,
    safe: Safekeeping | None,
    settle: Callable[[Sequence[Receipt]], None],
    grace: float,
    around: Surroundings,
) -> None:
    """Wait for confirms in flight, and with a spool read and keep what the input still has to say.

    That is its end, or a short silence: whoever writes to it may have got the same signal, and its last lines tell why.

    Args:
        grace: seconds for all of it, where there is a spool.

    Raises:
        DataError, UsageError: of the input.
    """
    whole = Deadline(around.clock, CONFIRM_GRACE if safe is None else grace)
    confirms, quiet = Deadline(around.clock, CONFIRM_GRACE), Deadline(around.clock, QUIET)
    while not whole.over:
        if safe is not None and not intake.ended:
            if intake.read():
                quiet.restart()
            safe.store(intake.take_all())
        publisher = line.publisher
        reading = safe is not None and not intake.ended and not quiet.over
        awaiting = publisher is not None and publisher.in_flight > 0 and not confirms.over
        if not reading and not awaiting:
            return
        fd = intake.fileno() if reading else None
        left = soonest(whole, *([quiet] if reading else []), *([confirms] if awaiting else []))
        try:
            if publisher is None:
                around.wait([] if fd is None else [fd], left)
            else:
                settle(publisher.turn(left, fd))
        except MQError:
            line.close()
