"""Keep messages on disk for one run of a sender (port ``Keeper``): durable before ``append`` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from diracmq_cli.errors import OutputError
from diracmq_cli.spool.backlog import RunBacklog
from diracmq_cli.spool.directory import Directory, translated
from diracmq_cli.spool.frames import OVERHEAD
from diracmq_cli.spool.header import encode_header
from diracmq_cli.spool.names import segment_name
from diracmq_cli.spool.payload import MessageWriter
from diracmq_cli.spool.run import Run
from diracmq_cli.spool.survey import count

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.core.spool import Label
    from diracmq_cli.spool.budget import Budget
    from diracmq_cli.spool.segment import Segment
    from diracmq_cli.spool.tally import Tally


class RunKeeper:
    """Keeps messages of one label. Nothing is on the disk before the first message is.

    Args:
        directory: the spool.
        label: what all messages have in common.
        name: the run's, which is its place in the spool's order.
        budget: how much the spool may hold.
        expired, tally: as for ``RunBacklog``.
    """

    def __init__(
        self,
        directory: Directory,
        label: Label,
        budget: Budget,
        *,
        name: str,
        expired: Callable[[Message], bool],
        tally: Tally,
    ) -> None:
        self.label = label
        self._name = name
        self._directory = directory
        self._budget = budget
        self._expired = expired
        self._tally = tally
        self._writer = MessageWriter()
        self._header = len(encode_header(label, segment_name(str(UUID(int=0)), 0)))
        self._run: Run | None = None
        self._backlog: RunBacklog | None = None

    @property
    def backlog(self) -> RunBacklog | None:
        """See ``core.ports.Keeper``."""
        return self._backlog

    def waiting(self) -> int:
        """See ``core.ports.Keeper``."""
        return sum(count(self._directory, self._name).values())

    def append(self, messages: Sequence[Message]) -> None:
        """See ``core.ports.Keeper``."""
        records = [self._writer.encode(message) for message in messages]
        if not records:
            return
        with translated(f"cannot keep messages in the spool {self._directory.path}"):
            run = self._run or self._begin()
            before = None if run.current is None else run.current.size
            made: list[str] = []
            try:
                for chunk in self._chunks(run, records):
                    segment = self._segment_for(run, chunk, made)
                    segment.append(chunk)
                    segment.sync()
            except BaseException:
                self._undo(run, before, made)
                raise

    def close(self) -> None:
        """See ``core.ports.Keeper``."""
        with translated(f"cannot write the spool {self._directory.path}"):
            if self._backlog is not None:
                self._backlog.close()
            if self._run is not None:
                self._run.close()
        self._run = self._backlog = None

    def _begin(self) -> Run:
        self._run = run = Run.begin(self._directory, self._name)
        self._backlog = RunBacklog(
            run,
            self.label,
            expired=self._expired,
            tally=self._tally,
            where=str(self._directory.path),
            keep_run=True,
        )
        return run

    def _chunks(self, run: Run, records: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
        """Everything at once where the current segment has room for it, else as much as a new segment takes."""
        if run.current is not None and run.current.size + _octets(records) <= self._budget.segment_size:
            yield records
            return
        run.leave()
        first, size = 0, self._header
        for index, record in enumerate(records):
            size += OVERHEAD + len(record)
            if size > self._budget.segment_size and index > first:
                yield records[first:index]
                run.leave()
                first, size = index, self._header + OVERHEAD + len(record)
        yield records[first:]

    def _segment_for(self, run: Run, chunk: Sequence[bytes], made: list[str]) -> Segment:
        """The segment to put a chunk into, with room for it in the spool."""
        if run.current is None:
            self._budget.recount()
        while not self._budget.take(_octets(chunk) + (self._header if run.current is None else 0)):
            if run.current is None:
                raise OutputError(
                    f"the spool {self._directory.path} is full ({self._budget.limit} octets), "
                    "and running senders hold all of it",
                    hint="give it more with --spool-max",
                )
            run.leave()
        if run.current is not None:
            return run.current
        segment = run.create(self.label)
        made.append(segment.name)
        return segment

    def _undo(self, run: Run, before: int | None, made: Sequence[str]) -> None:
        """Take a failed ``append`` back as far as the disk lets us; the next one begins a segment of its own."""
        current = run.current
        self._budget.recount()
        with suppress(OSError):
            if not made and current is not None and before is not None:
                current.cut(before)
        with suppress(OSError):
            run.leave()
            for name in made:
                self._directory.unlink(name)


def _octets(records: Sequence[bytes]) -> int:
    return sum(map(len, records)) + OVERHEAD * len(records)
