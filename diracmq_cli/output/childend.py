"""What the end of a command says of its message (DESIGN: the child protocol)."""

from __future__ import annotations

import signal

from diracmq_cli.core.message import Handled, Settlement

EXIT_REJECT = 65
EXIT_REQUEUE = 75
EXIT_CANNOT_RUN = 126
EXIT_NOT_FOUND = 127

_SETTLEMENTS = {0: Settlement.ACK, EXIT_REJECT: Settlement.REJECT, EXIT_REQUEUE: Settlement.REQUEUE}


def handled(code: int, *, told_to_end: bool = False, why: str | None = None) -> Handled:
    """Read a command's end.

    Args:
        code: its exit status, or the negative number of the signal that killed it.
        told_to_end: we asked it to end, so that a failure says nothing of the message.
        why: what happened, where that is not the code itself (a command that could not be run).
    """
    detail = why or (f"exit {code}" if code >= 0 else f"killed by {_name_of(-code)}")
    if told_to_end:
        detail += " after it was told to end"
    stop = code in (EXIT_CANNOT_RUN, EXIT_NOT_FOUND)
    settlement = _SETTLEMENTS.get(code)
    if settlement is None and (code < 0 or stop or told_to_end):
        settlement = Settlement.REQUEUE
    return Handled(settlement=settlement, detail=detail, stop=stop, code=code)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
