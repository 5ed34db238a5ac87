"""The spool against a model: any order of keeping, failing, ending, taking over, confirming and rewinding."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule
from support.spool import JANE, JOHN, ids, label, line, open_spool, spool_in_memory, waiting

from diracmq_cli.core.ports import Backlog
from diracmq_cli.core.spool import Owner, SpoolEntry
from diracmq_cli.errors import OutputError

SIZES = st.lists(st.integers(0, 700), max_size=6)


@contextmanager
def failing_disk(step: int, *, lasting: bool) -> Iterator[None]:
    """A disk whose write or sync number ``step`` fails (and all later ones); a failing write has written half."""
    calls = itertools.count()
    write, data_sync, sync = os.pwrite, os.fdatasync, os.fsync

    def fails() -> bool:
        call = next(calls)
        return call == step or (lasting and call > step)

    def failing_write(fd: int, octets: Any, offset: int) -> int:
        if fails():
            write(fd, octets[: len(octets) // 2], offset)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, octets, offset)

    def failing_sync(real: Callable[[int], None]) -> Callable[[int], None]:
        def synchronise(fd: int) -> None:
            if fails():
                raise OSError(errno.EIO, "Input/output error")
            real(fd)

        return synchronise

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", failing_write)
        patch.setattr(os, "fdatasync", failing_sync(data_sync))
        patch.setattr(os, "fsync", failing_sync(sync))
        yield


class _ModelRun:
    """What one sender has kept and is not confirmed yet."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.name = ""
        self.left: list[str] = []


class SpoolMachine(RuleBasedStateMachine):
    """Two owners, several senders, takers over: the spool holds what the model holds, in the model's order."""

    senders = Bundle("senders")
    takers = Bundle("takers")

    def __init__(self) -> None:
        super().__init__()
        self.place = spool_in_memory()
        self.spool = open_spool(self.place.__enter__())
        self.spool._budget.segment_size = 1500
        self.runs: list[_ModelRun] = []
        self.ended: list[_ModelRun] = []
        self.number = 0
        self.held: list[Any] = []

    def teardown(self) -> None:
        """Let go of everything, for an example must not leave descriptors to the next."""
        for one in self.held:
            one.close()
        self.spool.close()
        self.place.__exit__(None, None, None)

    def _messages(self, sizes: list[int], owner: Owner) -> list[Any]:
        messages = []
        for size in sizes:
            self.number += 1
            messages.append(line(f"{self.number}", owner=owner, size=size))
        return messages

    @rule(target=senders, owner=st.sampled_from([JANE, JOHN]), sizes=SIZES.filter(len))
    def begin(self, owner: Owner, sizes: list[int]) -> Any:
        """A sender that keeps something."""
        keeper, run = self.spool.keeper(label(owner)), _ModelRun(owner)
        messages = self._messages(sizes, owner)
        keeper.append(messages)
        run.left += ids(messages)
        run.name = keeper.backlog._run.name
        self.runs.append(run)
        self.held.append(keeper)
        return keeper, run

    @rule(sender=senders, sizes=SIZES)
    def keep(self, sender: Any, sizes: list[int]) -> None:
        keeper, run = sender
        messages = self._messages(sizes, run.owner)
        keeper.append(messages)
        run.left += ids(messages)

    @rule(sender=senders, sizes=SIZES.filter(len), step=st.integers(0, 8), lasting=st.booleans())
    def fail(self, sender: Any, sizes: list[int], step: int, lasting: bool) -> None:
        """A disk that fails at some step of an append, perhaps for good: nothing of it is kept, all else is."""
        keeper, run = sender
        messages = self._messages(sizes, run.owner)
        with failing_disk(step, lasting=lasting):
            try:
                keeper.append(messages)
            except OutputError:
                return
        run.left += ids(messages)

    @rule(sender=senders, most=st.integers(1, 5), confirm=st.lists(st.booleans(), min_size=5, max_size=5))
    def drain_own(self, sender: Any, most: int, confirm: list[bool]) -> None:
        """A sender reads what it kept itself, while it goes on."""
        keeper, run = sender
        keeper.backlog.rewind()
        self._read(keeper.backlog, run, most, confirm)

    @rule(sender=consumes(senders))
    def end(self, sender: Any) -> None:
        keeper, run = sender
        keeper.close()
        self.held.remove(keeper)
        self.ended.append(run)

    @rule(target=takers, owner=st.sampled_from([JANE, JOHN]))
    def take_over(self, owner: Owner) -> Any:
        """The oldest run of that owner whose sender has ended, and which nobody else holds, is taken over."""
        backlog = next(self.spool.abandoned(owner), None)
        free = [run for run in self.ended if run.owner == owner]
        if backlog is None:
            assert not any(run.left for run in free)
            return multiple()
        run = next(run for run in free if run.name == backlog._run.name)
        assert not any(other.left and other.name < run.name for other in free)
        self.ended.remove(run)
        self.held.append(backlog)
        return backlog, run

    @rule(taker=takers, most=st.integers(1, 5), confirm=st.lists(st.booleans(), min_size=5, max_size=5))
    def take(self, taker: Any, most: int, confirm: list[bool]) -> None:
        backlog, run = taker
        backlog.rewind()
        self._read(backlog, run, most, confirm)

    @rule(taker=consumes(takers))
    def let_go(self, taker: Any) -> None:
        backlog, run = taker
        backlog.close()
        self.held.remove(backlog)
        self.ended.append(run)

    def _read(self, backlog: Backlog, run: _ModelRun, most: int, confirm: list[bool]) -> None:
        entries = backlog.read(most)
        assert ids(entries) == run.left[:most]
        confirmed: list[SpoolEntry] = [entry for entry, yes in zip(entries, confirm, strict=False) if yes]
        backlog.confirm(confirmed)
        run.left = [one for one in run.left if one not in ids(confirmed)]

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        runs = sorted(self.runs, key=lambda run: run.name)  # two that began in one millisecond are in either order
        assert ids(waiting(self.spool)) == [one for run in runs for one in run.left]
        assert not self.spool.losses
        assert self.spool.flaws == []


SpoolMachine.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestSpoolMachine = SpoolMachine.TestCase
