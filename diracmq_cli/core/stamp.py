"""Stamp outgoing messages: who sends, from where, when, and under which id (DESIGN: the stamp)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from diracmq_cli.core.batch import LINES_HEADER, complaint
from diracmq_cli.core.message import PERSISTENT, Message
from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.values import Table, Text

RESERVED_PREFIX = "dirac-"
"""Headers of this prefix are the stamp's; nobody else writes them, but for the one that counts lines (``batch``)."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledMessage(Message):
    """A message that comes back out of a spool (as an envelope), and what of its stamp is not in ``properties``.

    The signature is not: it holds for one destination, and is made anew where one is wanted.
    """

    login: Text | None
    stamp: Table

    def is_of(self, sender: Sender) -> bool:
        """Whether this sender stamped it: in another run, with another proxy perhaps, but as the same person."""
        return (self.login or "") == sender.login and self.stamp.get("dirac-dn") == sender.dn


def stamp(message: Message, sender: Sender, *, message_id: str, now: int) -> Message:
    """Return ``message`` with the sender's stamp, persistent unless it says otherwise.

    A message that already bears an id keeps it, so that a repeat can be recognised; one that the same sender has
    stamped and spooled keeps its stamp: when and where something was said is not changed by its delay. ``now`` is
    seconds since the epoch.

    Raises:
        DataError: the message carries a header that only the stamp may write, or one that reroutes, or says that it
            holds another number of lines than it does.
    """
    for name in message.headers:
        if name != LINES_HEADER and (name.startswith(RESERVED_PREFIX) or name in REROUTING_HEADERS):
            raise DataError(f"header {name} may not be sent: {_why(name)}")
    if (wrong := complaint(message.headers, message.body)) is not None:
        raise DataError(wrong)
    own = message.properties
    spooled = message if isinstance(message, SpooledMessage) and message.is_of(sender) else None
    properties = replace(
        own,
        message_id=own.message_id or message_id,
        timestamp=now if spooled is None or own.timestamp is None else own.timestamp,
        app_id=sender.app_id if spooled is None else own.app_id,
        user_id=sender.login or None,
        delivery_mode=own.delivery_mode or PERSISTENT,
    )
    stamped = sender.headers() if spooled is None else spooled.stamp
    return replace(message, properties=properties, headers={**message.headers, **stamped})


def _why(name: str) -> str:
    if name in REROUTING_HEADERS:
        return "brokers route by it, past the configuration"
    return f"{RESERVED_PREFIX}* is the sender's stamp, which is made anew"
