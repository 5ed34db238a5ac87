"""Where in a stream to begin, and when its end is reached: a broker tells neither."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from diracmq_cli.core.quantity import parse_duration
from diracmq_cli.errors import UsageError
from diracmq_cli.operations.deadline import Deadline

if TYPE_CHECKING:
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.ports import Session

END_WAIT = 1.0
"""Seconds of silence after which a stream's end is taken to be reached."""


def moment(text: str, now: float) -> float:
    """Seconds since the epoch of ``--since``: a duration before ``now``, or an RFC 3339 time (UTC if it says nothing).

    Raises:
        UsageError: neither.
    """
    try:
        return now - parse_duration(text)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--since {text}: write how long ago (2h) or a time (2026-11-24T01:58:03Z)") from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def offset_of(text: str) -> str | int:
    """The place that ``--offset`` names.

    Raises:
        UsageError: it is none.
    """
    if text in ("first", "last", "next"):
        return text
    if text.isascii() and text.isdecimal() and int(text) < 1 << 63:
        return int(text)
    raise UsageError(f"--offset {text}: write first, next, or the number of a message")


def first_of_last(session: Session, queue: QueueSpec, count: int) -> str | int:
    """The offset at which the last ``count`` messages of a stream begin.

    RabbitMQ finds the last chunk only, and a chunk holds any number of messages: so read to the end once. A stream
    that never pauses has no end: what it holds after a while is then the last.
    """
    receiver = session.stream_reader(queue, offset="last")
    end: int | None = None
    enough = Deadline(time.monotonic, 2 * END_WAIT)
    while not enough.over and (delivery := receiver.receive(END_WAIT)) is not None:
        receiver.ack(delivery)
        offset = delivery.message.headers.get("x-stream-offset")
        end = offset if isinstance(offset, int) else end
    return "first" if end is None or end < count else end - count + 1
