"""``broker diff`` and ``broker apply``, wired."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError, Partial
from diracmq_cli.output.differences import Row, print_differences
from diracmq_cli.output.progress import Progress
from diracmq_cli.wiring.reaching import Reach, broker_model, reach

if TYPE_CHECKING:
    from diracmq_cli.admin.changes import Change
    from diracmq_cli.admin.control import Control
    from diracmq_cli.admin.entries import Entries
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

_IMPERSONATOR = "impersonator"
"""The tag that lets a user send under anybody's user_id."""

_WORDS = {
    "add": "{} to add",
    "change": "{} to change",
    "remove": "{} to remove",
    "conflict": "{} only by hand",
    "foreign": "{} not in the CS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """The flags of ``broker apply``; ``max_removals`` None is the larger of 5 and a tenth."""

    prune: bool = False
    dry_run: bool = False
    yes: bool = False
    max_removals: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """The broker, what it holds, and what is to change there."""

    control: Control
    live: Entries
    changes: tuple[Change, ...]


def run_diff(setup: Setup, wanted: Reach, console: Console) -> None:
    """Show what differs.

    Raises:
        Partial: something differs.
        MQError: the CS or the broker cannot be read.
    """
    with _compared(setup, wanted, console) as found:
        rows = [_row(change) for change in found.changes]
    print_differences(rows, console.writer, console.look, json=console.json)
    if rows:
        raise Partial(f"the broker is not as the CS wants it: {_counts(found.changes)}")
    console.talk.info("the broker is as the CS wants it")


def run_apply(setup: Setup, wanted: Reach, options: ApplyOptions, console: Console) -> None:
    """Make the broker as the CS wants it.

    Raises:
        ConfigError: more would be taken away than is allowed without ``--yes``.
        Partial: some of it could not be done; each failure has been named.
        MQError: the CS or the broker cannot be read, or the broker was lost.
    """
    ends = math.inf if wanted.timeout is None else time.monotonic() + wanted.timeout
    with _compared(setup, wanted, console) as found:
        chosen = [
            change for change in found.changes if change.can_be_made and (options.prune or not change.needs_prune)
        ]
        left = [change for change in found.changes if change not in chosen]
        if not options.yes:
            _guard(setup, chosen, found.live, options, console)
        rows = [] if options.dry_run else _make(found.control, chosen, ends, console)
    if options.dry_run:
        rows = [_row(change) for change in chosen]
    rows += [_row(change) for change in left if not change.needs_prune]
    print_differences(rows, console.writer, console.look, json=console.json)
    _report(rows, chosen, left, options, console)


@contextmanager
def _compared(setup: Setup, wanted: Reach, console: Console) -> Iterator[_Comparison]:
    from diracmq_cli.admin.difference import compare, tagged
    from diracmq_cli.admin.plan import make_plan
    from diracmq_cli.admin.wanted import wanted_entries, without_password
    from diracmq_cli.config import read_registry

    model = broker_model(setup, wanted.service)
    plan = make_plan(model, read_registry(setup.configuration))
    control = reach(setup, model, plan, wanted)
    try:
        live = control.entries()
        for user, tags in tagged(live).items():
            if _IMPERSONATOR in tags:
                console.talk.warning(f"{user} has the tag {_IMPERSONATOR}: it may send under anybody's name")
            elif user in {each.name for each in plan.users}:
                console.talk.info(f"{user} is left alone: it has the tag {', '.join(tags)}")
        for server in without_password(plan, live):
            console.talk.warning(f"{server} has no password: neither on the broker nor in this CFG")
        changes = compare(wanted_entries(plan, model.services, live), live)
        yield _Comparison(control=control, live=live, changes=changes)
    finally:
        control.close()


def _guard(setup: Setup, chosen: Sequence[Change], live: Entries, options: ApplyOptions, console: Console) -> None:
    """Refuse to take too much away, or anything by what an old copy of the CS says."""
    from diracmq_cli.admin.guard import losses

    taken = losses(chosen, live)
    reason = taken.excess(options.max_removals)
    if reason is None and taken and setup.cs.stale:
        reason = "the CS cannot be asked, and its copy may be old"
    if reason is None:
        return
    for change in chosen:
        if change.loser is not None:
            console.talk.warning(f"{change.loser} would lose {change.entry.kind}: {change.detail or change.entry.name}")
    if not options.dry_run:
        raise ConfigError(
            f"nothing was done: {reason}", hint="look at it with --dry-run; --yes does it, --max-removals allows more"
        )
    console.talk.warning(f"{reason}: without --yes this will be refused")


def _make(control: Control, chosen: Sequence[Change], ends: float, console: Console) -> list[Row]:
    """Make the changes, until the time ``ends``; what has been made is shown even if the broker is then lost."""
    progress = Progress(console.talk, "changes made", len(chosen))
    rows: list[Row] = []
    try:
        for outcome in control.make(chosen):
            rows.append(_row(outcome.change, done=outcome.problem is None, problem=outcome.problem))
            progress.step()
            if console.stop.requested or time.monotonic() >= ends:
                break
    except BaseException:
        print_differences(rows, console.writer, console.look, json=console.json)
        raise
    return rows


def _report(
    rows: Sequence[Row], chosen: Sequence[Change], left: Sequence[Change], options: ApplyOptions, console: Console
) -> None:
    """Say how it ended."""
    for row in rows:
        if row.problem is not None:
            console.talk.warning(f"{row.change} {row.kind} {row.name}: {row.problem}")
    unwanted = sum(change.needs_prune for change in left)
    if unwanted:
        console.talk.info(f"{unwanted} that the CS does not know stay; --prune removes them")
    failed = sum(row.problem is not None for row in rows)
    conflicts = sum(row.change == "conflict" for row in rows)
    undone = 0 if options.dry_run else len(chosen) - sum(row.done is not None for row in rows)
    words = ((failed, "failed"), (undone, "not tried"), (conflicts, "only by hand"))
    if any(count for count, _ in words):
        detail = ", ".join(f"{count} {word}" for count, word in words if count)
        raise Partial(f"the broker is not as the CS wants it: {detail}")
    console.talk.info(("would do " if options.dry_run else "done: ") + (_counts(chosen) if chosen else "nothing"))


def _row(change: Change, *, done: bool | None = None, problem: str | None = None) -> Row:
    return Row(
        change=change.action,
        kind=change.entry.kind,
        vhost=change.entry.vhost,
        name=change.entry.name,
        detail=change.detail,
        loser=change.loser,
        done=done,
        problem=problem,
    )


def _counts(changes: Sequence[Change]) -> str:
    counts = Counter(change.action for change in changes)
    return ", ".join(_WORDS[action].format(count) for action, count in counts.items())
