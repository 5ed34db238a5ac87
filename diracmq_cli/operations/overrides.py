"""What flags add to every outgoing message, before it is stamped."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.core.values import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """Values for every message of a run; None leaves what the message says.

    ``expiration`` is in milliseconds; ``default_routing_key`` and ``default_content_type`` are for messages that have
    none of their own.
    """

    routing_key: str | None = None
    default_routing_key: str = ""
    default_content_type: str | None = None
    headers: Table = field(default_factory=dict)
    type: str | None = None
    content_type: str | None = None
    priority: int | None = None
    expiration: int | None = None
    correlation_id: str | None = None
    reply_to: str | None = None
    message_id: str | None = None

    def apply(self, message: Message) -> Message:
        """Return ``message`` with these values put over its own."""
        own = message.properties
        return replace(
            message,
            routing_key=(message.routing_key or self.default_routing_key)
            if self.routing_key is None
            else self.routing_key,
            headers={**message.headers, **self.headers},
            properties=replace(
                own,
                type=self.type or own.type,
                content_type=self.content_type or own.content_type or self.default_content_type,
                priority=own.priority if self.priority is None else self.priority,
                expiration=own.expiration if self.expiration is None else str(self.expiration),
                correlation_id=self.correlation_id or own.correlation_id,
                reply_to=self.reply_to or own.reply_to,
                message_id=self.message_id or own.message_id,
            ),
        )
