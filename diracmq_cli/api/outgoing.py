"""A message to be published, as a program writes it down."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.ids import RANDOM_OCTETS, uuid7
from diracmq_cli.core.message import Message, Properties
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diracmq_cli.core.values import FieldValue


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A body and what goes with it; the stamp (DESIGN: the stamp) is added when it is published.

    A ``str`` is sent as UTF-8 and as ``text/plain`` unless ``content_type`` says otherwise. ``routing_key`` "" is the
    queue's own. ``ttl`` is in seconds. ``message_id`` is made (UUIDv7) where it is None; a program that sends a message
    again gives it the same one, by which readers know a repeat.
    """

    body: bytes | str
    routing_key: str = ""
    headers: Mapping[str, FieldValue] = field(default_factory=dict)
    type: str | None = None
    content_type: str | None = None
    priority: int | None = None
    ttl: float | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    message_id: str | None = None

    def message(self) -> Message:
        """The message, with an id and without a stamp.

        Raises:
            DataError: the text holds what UTF-8 cannot carry.
        """
        is_text = isinstance(self.body, str)
        return Message(
            body=_octets(self.body) if isinstance(self.body, str) else self.body,
            routing_key=self.routing_key,
            headers=dict(self.headers),
            properties=Properties(
                type=self.type,
                content_type=self.content_type or ("text/plain" if is_text else None),
                priority=self.priority,
                expiration=None if self.ttl is None else str(round(self.ttl * 1000)),
                correlation_id=self.correlation_id,
                reply_to=self.reply_to,
                message_id=self.message_id or new_id(),
            ),
        )


def as_message(message: bytes | str | Outgoing) -> Message:
    """A message of what a program hands over; a bare body will do."""
    return (message if isinstance(message, Outgoing) else Outgoing(message)).message()


def new_id() -> str:
    """An id for a message (UUIDv7), made now."""
    return uuid7(time.time_ns() // 1_000_000, os.urandom(RANDOM_OCTETS))


def _octets(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"character {error.start} of the text is half of a surrogate pair, which is none") from None
