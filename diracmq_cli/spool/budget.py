"""Keep the spool within its size: when it is full the oldest entries go, and a gap that counts them takes their place.

What goes is a whole segment. Its file is replaced in one step by one that holds nothing but the gap, so that at any
moment either the entries or their count are there; gaps that follow one another become one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from diracmq_cli.errors import OutputError
from diracmq_cli.spool.frames import Kind
from diracmq_cli.spool.header import HeaderError
from diracmq_cli.spool.names import order_of, run_of
from diracmq_cli.spool.payload import PayloadError, decode_gap, encode_gap
from diracmq_cli.spool.segment import Segment

if TYPE_CHECKING:
    from diracmq_cli.core.spool import Label
    from diracmq_cli.spool.directory import Directory
    from diracmq_cli.spool.tally import Tally

DEFAULT_LIMIT = 256 * 1024 * 1024
MAX_SEGMENT = 4 * 1024 * 1024
_SHARES = 16
"""Into how many segments a sender at least cuts what the spool may hold, so that little goes at a time."""

_NEW = ".new"


class Budget:
    """The size that the spool in ``directory`` may have, over all senders. Methods raise ``OSError``."""

    def __init__(self, directory: Directory, limit: int, tally: Tally) -> None:
        self.limit = limit
        self.segment_size = min(MAX_SEGMENT, max(1, limit // _SHARES))
        self._directory = directory
        self._tally = tally
        self._used: int | None = None

    def recount(self) -> None:
        """Look at the files again before the next octets: other senders write and flush too."""
        self._used = None

    def take(self, octets: int) -> bool:
        """Make room for so many more octets; False when no segment that may go is left.

        Raises:
            OutputError: they are more than the whole spool may hold.
        """
        if octets > self.limit:
            raise OutputError(
                f"a message of {octets} octets does not fit into the spool {self._directory.path}, which may hold "
                f"{self.limit}",
                hint="give it more with --spool-max",
            )
        if (self._used is None or self._used + octets > self.limit) and not self._shrink(self.limit - octets):
            return False
        assert self._used is not None
        self._used += octets
        return True

    def _shrink(self, wanted: int) -> bool:
        names = sorted(self._directory.segments(), key=order_of)
        used = sum(map(self._directory.size, names))
        for name in names:
            if used <= wanted:
                break
            used -= self._drop(name)
        self._used = used
        return used <= wanted

    def _drop(self, name: str) -> int:
        """Drop one segment's entries; returns the octets that this frees, 0 where it must stay as it is."""
        try:
            segment = Segment.open(self._directory, name)
        except HeaderError:
            return 0
        if segment is None:  # its sender writes to it, or somebody sends it just now
            return 0
        try:
            entries, gap = _contents(segment)
            if segment.header is None or gap:
                return 0
            if not entries:
                self._directory.unlink(name)
                return segment.size
            return segment.size - self._put_gap(name, segment.header.label, entries)
        finally:
            segment.close()

    def _put_gap(self, name: str, label: Label, entries: int) -> int:
        """Put a gap in the place of a segment; returns by how many octets the gaps of its run have grown."""
        before = self._gap_before(name)
        earlier = 0 if before is None else _contents(before)[1]
        temporary = name + _NEW
        self._directory.unlink(temporary)
        gap = Segment.create(self._directory, temporary, label)
        try:
            gap.append([encode_gap(earlier + entries)], Kind.GAP)
            gap.sync()
            self._directory.replace(temporary, name)
            self._directory.sync()
        except OSError:
            self._directory.unlink(temporary)
            raise
        finally:
            gap.close()
        self._tally.dropped(name, entries)
        if before is None:
            return gap.size
        self._tally.dropped(before.name, earlier)  # nothing if we made it, or have met it
        before.remove()
        return gap.size - before.size

    def _gap_before(self, name: str) -> Segment | None:
        """The gap that stands right before a segment, locked."""
        run = self._directory.segments(run_of(name))
        index = run.index(name)
        try:
            before = Segment.open(self._directory, run[index - 1]) if index else None
        except HeaderError:
            return None
        if before is not None and not _contents(before)[1]:
            before.close()
            return None
        return before


def _contents(segment: Segment) -> tuple[int, int]:
    """How many entries wait in a segment, and how many it says were dropped."""
    entries = gap = 0
    for frame in segment.frames():
        if frame.kind == Kind.GAP:
            with suppress(PayloadError):
                gap += decode_gap(frame.payload)
        elif not frame.done:
            entries += 1
    return entries, gap
