r"""The first line of a segment: what wrote it, and what all its entries have in common.

``dirac-mq-spool VERSION CHECKSUM {"login":…,"service":…,"destination":…,"exchange":…,"file":…}\n``, in ASCII. The
checksum is CRC-32 of what follows it up to the line's end, as eight hexadecimal digits; ``file`` is the segment's own
name, so that no two segments have the same.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from zlib import crc32

from diracmq_cli.core.spool import Label, Owner
from diracmq_cli.spool.frames import SYNC

VERSION = 1
"""Changes when an older program could no longer read what a newer one writes; a newer one reads every older one."""

MAX_HEADER = 64 * 1024

_LINE = re.compile(rb"dirac-mq-spool ([0-9]{1,9}) ([0-9a-f]{8}) (\{.*\})", re.DOTALL)


class HeaderError(ValueError):
    """The first line cannot be read; the message is a short reason."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line says; records begin after ``size`` octets and their checksums with ``seed``."""

    label: Label
    seed: int
    size: int


def encode_header(label: Label, file: str) -> bytes:
    """Write the first line."""
    document = json.dumps(
        {
            "login": label.owner.login,
            "service": label.owner.service,
            "destination": label.destination,
            "exchange": label.exchange,
            "file": file,
        }
    ).encode()
    return b"dirac-mq-spool %d %08x %s\n" % (VERSION, crc32(document), document)


def decode_header(octets: bytes) -> Header | None:
    """Read the first line; None when its writer died before it had finished it, so that nothing can follow.

    Raises:
        HeaderError: it is damaged, no spool's, or of a newer program.
    """
    line, end, _ = octets[:MAX_HEADER].partition(b"\n")
    if not end and SYNC not in octets:
        return None
    match = _LINE.fullmatch(line)
    if match is None:
        raise HeaderError("the first line is damaged, or it is no spool file")
    version = int(match[1])
    if version > VERSION:
        raise HeaderError(f"it is of format {version}, newer than this program reads ({VERSION})")
    seed = int(match[2], 16)
    if version < 1 or crc32(match[3]) != seed:
        raise HeaderError("the first line is damaged")
    return Header(_label(match[3]), seed, len(line) + 1)


def _label(document: bytes) -> Label:
    try:
        fields = json.loads(document)
        names = ("login", "service", "destination", "exchange")
        login, service, destination, exchange = (fields[name] for name in names)
    except (ValueError, KeyError) as error:
        raise HeaderError("the first line lacks what it must say") from error
    return Label(owner=Owner(login, service), destination=destination, exchange=exchange)
