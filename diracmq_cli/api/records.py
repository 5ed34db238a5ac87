"""A log record as a message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from diracmq_cli.api.outgoing import Outgoing, new_id

if TYPE_CHECKING:
    import logging

LONGEST = 16 * 1024
"""Octets of a record's text; what is longer is cut, so that a buffer of records is bounded in octets too."""

_LONGEST_KEY = 255
_CUT = b" [cut]"


def outgoing(record: logging.LogRecord, text: str) -> Outgoing:
    """The message of a record whose formatted text is ``text``.

    Its routing key is ``level.logger`` (``warning.my.package``), for ``tail -k 'error.#'``; its headers are
    ``log-level``, ``log-logger`` and ``log-time`` (when it was logged, RFC 3339, UTC).
    """
    level, name = _carried(record.levelname), _carried(str(record.name))
    return Outgoing(
        body=_cut(_carried(text).encode(), LONGEST),
        routing_key=f"{level.lower()}.{name}".encode()[:_LONGEST_KEY].decode(errors="ignore"),
        headers={
            "log-level": level,
            "log-logger": name,
            "log-time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        },
        type="log",
        content_type="text/plain",
        message_id=new_id(),
    )


def _carried(text: str) -> str:
    """Text that UTF-8 can carry: what cannot (half of a surrogate pair) becomes an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


def _cut(octets: bytes, longest: int) -> bytes:
    if len(octets) <= longest:
        return octets
    return octets[: longest - len(_CUT)].decode(errors="ignore").encode() + _CUT
