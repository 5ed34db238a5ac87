"""Stamp outgoing messages: who sends, from where, when, and under which id (DESIGN: the stamp)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diracmq_cli.core.message import PERSISTENT, Message
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table

RESERVED_PREFIX = "dirac-"
"""Headers of this prefix are the stamp's; nobody else writes them."""

STAMP_HEADER = "dirac-stamp"
"""The header that holds a signature over message and stamp (``stampfields``, ``jws``)."""

REROUTING_HEADERS = ("CC", "BCC")
"""RabbitMQ routes by these too (sender-selected distribution), past what the CS says: neither sent nor believed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """What a stamp says of its sender; None leaves the header out.

    ``login`` is what the broker authenticated and will compare with ``user_id``; ``dn`` the end entity's (None for a
    server that logs in by name). Only these two can be proved; host, address, site, pilot and job are claims.
    """

    login: str
    dn: str | None
    app_id: str
    host: str | None = None
    ip: str | None = None
    group: str | None = None
    vo: str | None = None
    site: str | None = None
    ce: str | None = None
    pilot: str | None = None
    job: str | None = None

    def headers(self) -> Table:
        """The ``dirac-*`` headers of this sender."""
        named = {
            "dirac-dn": self.dn,
            "dirac-host": self.host,
            "dirac-ip": self.ip,
            "dirac-group": self.group,
            "dirac-vo": self.vo,
            "dirac-site": self.site,
            "dirac-ce": self.ce,
            "dirac-pilot": self.pilot,
            "dirac-job": self.job,
        }
        return {name: value for name, value in named.items() if value is not None}

    def anonymous(self) -> Sender:
        """The same sender without the person: no login, no DN, no group."""
        return replace(self, login="", dn=None, group=None)


def stamp(message: Message, sender: Sender, *, message_id: str, now: int) -> Message:
    """Return ``message`` with the sender's stamp, persistent unless it says otherwise.

    A message that already bears an id keeps it, so that a repeat can be recognised. ``now`` is seconds since the
    epoch.

    Raises:
        DataError: the message carries a header that only the stamp may write, or one that reroutes.
    """
    for name in message.headers:
        if name.startswith(RESERVED_PREFIX) or name in REROUTING_HEADERS:
            raise DataError(f"header {name} may not be sent: {_why(name)}")
    properties = replace(
        message.properties,
        message_id=message.properties.message_id or message_id,
        timestamp=now,
        app_id=sender.app_id,
        user_id=sender.login or None,
        delivery_mode=message.properties.delivery_mode or PERSISTENT,
    )
    return replace(message, properties=properties, headers={**message.headers, **sender.headers()})


def _why(name: str) -> str:
    if name in REROUTING_HEADERS:
        return "brokers route by it, past the configuration"
    return f"{RESERVED_PREFIX}* is the sender's stamp, which is made anew"
