"""The spool of a sender, wired: where it is, whose entries, and a stand-in where there can be none."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.spool import Label, Losses, Owner, entries
from diracmq_cli.errors import OutputError, Partial, Spooled
from diracmq_cli.operations.kept import Kept
from diracmq_cli.spool import DEFAULT_LIMIT, Directory, Spool, locate
from diracmq_cli.wiring.receipts import exchange_of

if TYPE_CHECKING:
    from diracmq_cli.core.message import Message
    from diracmq_cli.core.ports import Backlog, Keeper
    from diracmq_cli.operations.account import SendSummary
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.sendoptions import SpoolChoice
    from diracmq_cli.wiring.target import Target


class SendersSpool:
    """The spool as one run of ``send`` uses it; ``kept`` is what the operation sees of it."""

    def __init__(self, choice: SpoolChoice, login: str, target: Target, console: Console) -> None:
        """Open the directory, or make it; where that fails, lines are read on all the same and may be lost.

        Raises:
            UsageError: there is no place for a spool.
        """
        self._choice, self._console = choice, console
        self._path = locate(choice.directory, os.environ, Path.cwd())
        owner = Owner(login, target.spec.service.name)
        exchange = exchange_of(target)
        label = Label(owner=owner, destination=str(target.spec.address), exchange=exchange)
        self._label = label
        self._spool: Spool | None = None
        self._broken: OutputError | None = None
        first: Keeper
        second: Keeper
        try:
            directory = Directory.make(self._path)
        except OutputError as error:
            console.talk.warning(f"{error}; what the broker does not take is lost")
            self._broken = error
            first = second = _Nowhere(error)
        else:
            limit = DEFAULT_LIMIT if choice.limit is None else choice.limit
            self._spool = Spool(directory, ttl=choice.ttl, limit=limit)
            console.afterwards.callback(self._spool.close)
            first, second = self._spool.keeper(label), self._spool.keeper(label)
        self.kept = Kept(first, second, self._abandoned, exchange=exchange, clock=time.monotonic)

    def _abandoned(self) -> Iterable[Backlog]:
        return () if self._spool is None else self._spool.abandoned(self._label.owner)

    def _losses(self) -> Losses:
        return Losses() if self._spool is None else self._spool.losses

    def check(self, summary: SendSummary) -> None:
        """Raise what the spool amounts to at the end of a run.

        Raises:
            OutputError: the disk did not take something.
            Partial: something was given up or dropped, or others' entries wait.
            Spooled: some of this run waits, and that is not good enough.
        """
        if (error := self.kept.error or self._broken) is not None:
            lost = f"; {summary.lost} lost" if summary.lost else ""
            raise OutputError(f"{error}{lost}", hint=error.hint)
        losses = self._losses()
        if losses:
            raise Partial(f"{self._path}: {losses.text()}", hint="dirac-mq spool ls shows what waits")
        summary.check_dropped()
        if summary.spooled:
            why = f": {self.kept.summary.failure}" if self.kept.summary.failure else ""
            text = f"{entries(summary.spooled)} kept in {self._path}, not confirmed by the broker{why}"
            if not self._choice.ok:
                raise Spooled(text, hint="dirac-mq spool flush sends what waits; so does the next send --spool")
            self._console.talk.info(text)
        others = self._others()
        if others:
            raise Partial(
                f"{entries(others)} in {self._path} that others own", hint="dirac-mq spool ls shows whose they are"
            )

    def _others(self) -> int:
        counts = {} if self._spool is None else self._spool.count()
        return sum(count for label, count in counts.items() if label.owner != self._label.owner)


class _Nowhere:
    """A keeper where there is no spool: nothing can be kept (port ``Keeper``)."""

    backlog: Backlog | None = None

    def __init__(self, error: OutputError) -> None:
        self._error = error

    def waiting(self) -> int:
        """Nothing is here."""
        return 0

    def append(self, messages: Sequence[Message]) -> None:
        """Say why not."""
        if messages:
            raise OutputError(str(self._error), hint=self._error.hint)

    def close(self) -> None:
        """Nothing to let go of."""
