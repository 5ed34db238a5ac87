"""Rows of ``spool ls``: columns on a terminal, TAB-separated in a pipe, or JSON; and what waits as envelopes.

Rows are written as they come, since a spool may hold a million entries: what varies in width stands last.
"""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

from diracmq_cli.core.address import Address, Kind, parse_address
from diracmq_cli.core.envelope import encode
from diracmq_cli.core.jsonvalues import time_to_json
from diracmq_cli.core.message import Delivery
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.spool import Flaw, Gap, SpoolEntry, entries
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import UsageError
from diracmq_cli.output.escape import visible, visible_value
from diracmq_cli.output.label import ABSENT

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look

COLUMNS = ("id", "time", "size", "destination", "owner", "problem")
_WIDTHS = (36, 20, 9)
_HEADING_STYLE = "1"


def heading(look: Look) -> str:
    """The columns' names."""
    line = _line([name.upper() for name in COLUMNS], look)
    return f"\x1b[{_HEADING_STYLE}m{line}\x1b[m" if look.color else line


def row(item: SpoolEntry | Gap | Flaw, look: Look) -> str:
    """One entry, gap or flaw; ``-`` for what is absent."""
    fields = [ABSENT] * len(COLUMNS)
    if isinstance(item, SpoolEntry):
        properties = item.message.properties
        fields[0] = ABSENT if properties.message_id is None else visible_value(properties.message_id)
        fields[1] = ABSENT if properties.timestamp is None else time_to_json(properties.timestamp)
        fields[2] = str(item.message.size)
    if not isinstance(item, Flaw):
        fields[3], fields[4] = visible(item.label.destination), visible(item.label.owner.login)
    fields[5] = ABSENT if isinstance(item, SpoolEntry) else visible(problem(item))
    return _line(fields, look)


def problem(item: Gap | Flaw) -> str:
    """What a gap or a flaw means, in words."""
    if isinstance(item, Gap):
        return f"the spool was full: {entries(item.entries)} dropped"
    return f"{item.file}: {item.reason}"


def row_json(item: SpoolEntry | Gap | Flaw) -> str:
    """One entry, gap or flaw as a JSON object, in ASCII; ``entries`` is how many it stands for, null if unknown."""
    document: dict[str, str | int | None] = dict.fromkeys(
        ("message_id", "timestamp", "size", "service", "destination", "owner")
    )
    if not isinstance(item, Flaw):
        owner = item.label.owner
        document |= {"service": owner.service, "destination": item.label.destination, "owner": owner.login}
    if isinstance(item, SpoolEntry):
        properties = item.message.properties
        document["message_id"] = None if properties.message_id is None else str(properties.message_id)
        document["timestamp"] = None if properties.timestamp is None else time_to_json(properties.timestamp)
        document["size"] = item.message.size
    document["entries"] = 1 if isinstance(item, SpoolEntry) else item.entries
    document["problem"] = None if isinstance(item, SpoolEntry) else problem(item)
    document["file"] = item.file
    return dumps(document, separators=(",", ":"))


def envelope(entry: SpoolEntry) -> str:
    """An entry as the envelope of what would be delivered; its origin is what it claims, ``spooled`` is true."""
    message = entry.message
    claim = message.headers.get("dirac-dn")
    delivery = Delivery(
        message=message,
        service=entry.label.owner.service,
        queue=_queue(entry.label.destination),
        exchange=entry.label.exchange,
        delivery_tag=0,
    )
    verdict = Verdict(level=OriginLevel.CLAIMED, dn=claim if isinstance(claim, str) else None)
    return encode(delivery, verdict, spooled=True)


def _queue(destination: str) -> str:
    try:
        address = parse_address(destination)
    except UsageError:
        return destination
    if isinstance(address, Address):
        return address.name if address.kind is Kind.QUEUE else ""
    return address


def _line(fields: list[str], look: Look) -> str:
    if not look.is_terminal:
        return "\t".join(fields)
    fixed = [f"{field:<{width}}" for field, width in zip(fields[:2], _WIDTHS, strict=False)]
    return "  ".join([*fixed, f"{fields[2]:>{_WIDTHS[2]}}", *fields[3:]])
