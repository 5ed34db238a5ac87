"""Records of a segment as octets: found again after damage, never mistaken for one another.

======  =====================================================================================
octets  field (big endian)
======  =====================================================================================
4       ``SYNC``, by which the next record is found behind a damaged one
1       kind
4       sequence: 1 for the segment's first record, then one more each
4       length of the payload
4       CRC-32 of the 13 octets above, begun with the segment's seed
4       CRC-32 of the payload, begun with the CRC above
1       mark: 00, and FF once the record is done with
n       payload
======  =====================================================================================

The seed (the header line's own checksum) makes the records of each segment its own, and sequences only grow: octets
inside a body that look like a record, copied from a spool perhaps, are not taken for one. The mark is outside the
checksums because it is overwritten in place: that needs no room on a full disk, cannot be half done, and the two
values differ in every bit, so that damage repeats a message rather than loses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct
from zlib import crc32

SYNC = b"\xd1r\xacQ"
DONE = b"\xff"

_HEAD = Struct(">4sBII")
_CHECKS = Struct(">IIB")
OVERHEAD = _HEAD.size + _CHECKS.size
"""Octets of a record besides its payload."""

MARK_OFFSET = OVERHEAD - 1
_LIVE = 0


class Kind(IntEnum):
    """What a payload is."""

    MESSAGE = 1
    GAP = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A record that is whole; ``offset`` and ``end`` are counted from the beginning of the file."""

    offset: int
    end: int
    kind: int
    sequence: int
    done: bool
    payload: memoryview


def encode_frame(kind: Kind, sequence: int, payload: bytes, seed: int) -> bytes:
    """Write one record, live."""
    head = _HEAD.pack(SYNC, kind, sequence, len(payload))
    check = crc32(head, seed)
    return b"".join((head, _CHECKS.pack(check, crc32(payload, check), _LIVE), payload))


def scan(octets: bytes, seed: int, *, base: int, sequence: int = 0) -> Iterator[Frame]:
    """The whole records in ``octets``, which begin at ``base`` in the file; what is damaged or torn is passed over.

    ``sequence`` is that of the last record before them.
    """
    view = memoryview(octets)
    at = 0
    while (at := octets.find(SYNC, at)) >= 0:
        frame = _frame_at(view, at, seed, base)
        if frame is not None and frame.sequence > sequence:
            yield frame
            sequence = frame.sequence
            at = frame.end - base
        else:
            at += 1


def _frame_at(view: memoryview, at: int, seed: int, base: int) -> Frame | None:
    start = at + OVERHEAD
    if start > len(view):
        return None
    _, kind, sequence, length = _HEAD.unpack_from(view, at)
    head_check, check, mark = _CHECKS.unpack_from(view, at + _HEAD.size)
    end = start + length
    if end > len(view) or crc32(view[at : at + _HEAD.size], seed) != head_check:
        return None
    payload = view[start:end]
    if crc32(payload, head_check) != check:
        return None
    return Frame(base + at, base + end, kind, sequence, mark == DONE[0], payload)
