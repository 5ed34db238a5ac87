"""Read what one run left, in its order, and take each entry off when it is settled (port ``Backlog``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.spool import Flaw, Label, SpoolEntry
from diracmq_cli.spool.directory import translated
from diracmq_cli.spool.frames import Frame, Kind
from diracmq_cli.spool.header import HeaderError
from diracmq_cli.spool.payload import PayloadError, decode_gap, decode_message
from diracmq_cli.spool.survey import flaw_of

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.spool.run import Run
    from diracmq_cli.spool.segment import Segment
    from diracmq_cli.spool.tally import Tally


@dataclass(slots=True, kw_only=True)
class _Progress:
    """How far a segment was read: its last whole record is ``sequence`` and ends at ``end``; ``scanned`` is the size
    that it had then. ``unsettled`` entries may still be sent."""

    segment: Segment
    end: int
    scanned: int
    sequence: int = 0
    unsettled: int = 0
    missing: int = 0
    gap: bool = False
    complete: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing in the segment is needed any more."""
        return self.complete and not self.unsettled and self.scanned == self.segment.size

    @property
    def flaw(self) -> Flaw | None:
        """What is wrong with the segment, if anything."""
        return flaw_of(self.segment.name, self.missing, self.scanned - self.end)


class RunBacklog:
    """The entries of a run that we hold. Those that expired are taken off when they are met, and counted.

    Args:
        run: the run; closed with the backlog unless ``keep_run`` (its sender is still at it: new entries are met too).
        label: what the run's entries have in common.
        expired: whether a message is too old to be sent.
        tally: told of what is lost.
        where: the spool, for messages.
    """

    def __init__(
        self,
        run: Run,
        label: Label,
        *,
        expired: Callable[[Message], bool],
        tally: Tally,
        where: str,
        keep_run: bool = False,
    ) -> None:
        self.label = label
        self._run = run
        self._expired = expired
        self._tally = tally
        self._where = where
        self._keep_run = keep_run
        self._reading: dict[str, _Progress] = {}
        self._told: dict[str, Segment] = {}
        self._begin()

    def _begin(self) -> None:
        self._after = ""
        self._now: _Progress | None = None
        self._frames: Iterator[Frame] = iter(())

    def read(self, most: int) -> Sequence[SpoolEntry]:
        """See ``core.ports.Backlog``."""
        entries: list[SpoolEntry] = []
        with translated(f"cannot read the spool {self._where}"):
            while len(entries) < most:
                frame = next(self._frames, None)
                if frame is None:
                    if not self._advance():
                        break
                elif (entry := self._met(frame)) is not None:
                    entries.append(entry)
        return entries

    def confirm(self, entries: Sequence[SpoolEntry]) -> None:
        """See ``core.ports.Backlog``."""
        with translated(f"cannot take sent entries off the spool {self._where}"):
            for entry in entries:
                progress = self._reading[entry.file]
                progress.segment.mark(entry.offset)
                progress.unsettled -= 1
                self._finish(progress)

    def rewind(self) -> None:
        """See ``core.ports.Backlog``."""
        with translated(f"cannot read the spool {self._where}"):
            for progress in self._reading.values():
                self._run.release(progress.segment)
        self._reading.clear()
        self._begin()

    def close(self) -> None:
        """See ``core.ports.Backlog``."""
        with translated(f"cannot write the spool {self._where}"):
            for segment in self._told.values():
                self._run.remove(segment)
            self._told.clear()
            if self._keep_run:
                self.rewind()
            else:
                self._run.close()

    def _advance(self) -> bool:
        """Turn to what follows the records read so far; False when there is nothing."""
        now = self._now
        if now is not None:
            if now.scanned < now.segment.size:
                self._frames = now.segment.frames(now.end, now.sequence)
                now.scanned, now.complete = now.segment.size, False
                return True
            now.complete = True
            if now.segment is not self._run.current:
                self._now, self._after = None, now.segment.name
            self._finish(now)
        name = next((name for name in self._run.segments() if name > self._after), None)
        if name is None or (self._now is not None and name == self._now.segment.name):
            return False
        self._open(name)
        return True

    def _open(self, name: str) -> None:
        self._now, self._after, self._frames = None, name, iter(())
        try:
            segment = self._run.segment(name)
        except HeaderError as error:
            self._tally.damaged(Flaw(file=name, reason=str(error)))
            return
        if segment is not None:
            begin = segment.size if segment.header is None else segment.header.size
            self._now = self._reading[name] = _Progress(segment=segment, end=begin, scanned=segment.size)
            self._frames = segment.frames()

    def _met(self, frame: Frame) -> SpoolEntry | None:
        """Account for a record; the entry, if it is one that is to be sent."""
        now = self._now
        assert now is not None
        now.missing += frame.sequence - now.sequence - 1
        now.sequence, now.end = frame.sequence, frame.end
        if frame.done:
            return None
        try:
            if frame.kind == Kind.GAP:
                self._tally.dropped(now.segment.name, decode_gap(frame.payload))
                now.gap = True
                return None
            message = decode_message(frame.payload)
        except PayloadError:
            now.missing += 1
            return None
        if self._expired(message):
            now.segment.mark(frame.offset)
            self._tally.expired()
            return None
        now.unsettled += 1
        return SpoolEntry(label=self.label, message=message, file=now.segment.name, offset=frame.offset)

    def _finish(self, progress: _Progress) -> None:
        """Let go of a segment that is over; one with a gap stays until ``close``, when its count has been told."""
        if progress.complete and (flaw := progress.flaw) is not None:
            self._tally.damaged(flaw)
        if not progress.over:
            return
        segment = progress.segment
        self._reading.pop(segment.name)
        if progress is self._now:
            self._now, self._after, self._frames = None, segment.name, iter(())
        if progress.gap:
            self._told[segment.name] = segment
        else:
            self._run.remove(segment)
