"""The environment of a command that handles one message: ``DIRAC_MQ_*`` (DESIGN: the child protocol).

``DIRAC_MQ_DN`` is there only when the broker or a signature proved it; what the sender merely says is
``DIRAC_MQ_CLAIMED_DN``. Whatever a publisher puts into headers, the command can be started: what does not fit is left
out, and ``DIRAC_MQ_TRUNCATED=1`` says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from diracmq_cli.core.model import OriginLevel
from diracmq_cli.output.fieldtext import octets_of

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.values import FieldValue
    from diracmq_cli.core.verdict import Verdict

MAX_VALUE = 8 * 1024
"""Octets of one value."""

MAX_TOGETHER = 64 * 1024
"""Octets of all names and values; far below what Linux grants arguments and environment together (execve(2))."""

_HEADER = "DIRAC_MQ_HEADER_"
_TRUNCATED = "DIRAC_MQ_TRUNCATED"
_OURS = frozenset(
    {
        "DIRAC_MQ_DN",
        "DIRAC_MQ_CLAIMED_DN",
        "DIRAC_MQ_ORIGIN",
        "DIRAC_MQ_ID",
        "DIRAC_MQ_QUEUE",
        "DIRAC_MQ_ROUTING_KEY",
        _TRUNCATED,
    }
)
_UNFIT = re.compile(r"[^A-Z0-9_]")
_PROVED = (OriginLevel.BROKER, OriginLevel.SIGNED)


def without_message(environ: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Our own environment without what an outer ``consume`` put there: it would pass for this message's."""
    header = _HEADER.encode()
    ours = {name.encode() for name in _OURS}
    return {name: value for name, value in environ.items() if name not in ours and not name.startswith(header)}


def message_environment(delivery: Delivery, verdict: Verdict) -> dict[bytes, bytes]:
    """The variables for one message. The first of two headers with the same mapped name wins."""
    environment: dict[bytes, bytes] = {}
    left, truncated = MAX_TOGETHER, False
    for name, value in _variables(delivery, verdict):
        octets, key = octets_of(value), name.encode()
        size = len(key) + len(octets) + 2  # an equals sign and a NUL
        if key in environment:
            continue
        if b"\0" in octets or len(octets) > MAX_VALUE or size > left:
            truncated = True
            continue
        environment[key] = octets
        left -= size
    if truncated:
        environment[_TRUNCATED.encode()] = b"1"
    return environment


def _variables(delivery: Delivery, verdict: Verdict) -> Iterator[tuple[str, FieldValue]]:
    message = delivery.message
    if verdict.level in _PROVED:
        if verdict.dn is not None:
            yield "DIRAC_MQ_DN", verdict.dn
    else:
        claimed = message.headers.get("dirac-dn")
        if claimed is not None:
            yield "DIRAC_MQ_CLAIMED_DN", claimed
    yield "DIRAC_MQ_ORIGIN", verdict.level
    if message.properties.message_id is not None:
        yield "DIRAC_MQ_ID", message.properties.message_id
    yield "DIRAC_MQ_QUEUE", delivery.queue
    yield "DIRAC_MQ_ROUTING_KEY", message.routing_key
    for name, value in message.headers.items():
        yield _HEADER + _mapped(name), value


def _mapped(name: str) -> str:
    """A header's name in ``[A-Z0-9_]``."""
    return _UNFIT.sub("_", "".join(char.upper() if char.isascii() else "_" for char in name))
