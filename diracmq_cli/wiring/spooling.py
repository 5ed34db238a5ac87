"""The spool's commands that need no broker, wired: ls, cat, rm."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.spool import Flaw, Gap, SpoolEntry, entries
from diracmq_cli.errors import NothingThere, Partial, UsageError
from diracmq_cli.output import spooled
from diracmq_cli.spool import Directory, Spool, locate

if TYPE_CHECKING:
    from diracmq_cli.wiring.console import Console


@contextmanager
def opened(option: str | None, console: Console, *, ttl: float | None = None) -> Iterator[Spool | None]:
    """The spool that the option and the environment name, closed afterwards; None (which is said) if there is none.

    Raises:
        OutputError: the directory is not safe, or cannot be read.
    """
    path = locate(option, os.environ, Path.cwd())
    directory = Directory.find(path)
    if directory is None:
        console.talk.info(f"nothing is spooled: there is no {path}")
        yield None
        return
    spool = Spool(directory, ttl=ttl)
    try:
        yield spool
    finally:
        spool.close()


def run_ls(option: str | None, console: Console) -> None:
    """Show every entry, gap and flaw."""
    with opened(option, console) as spool:
        if spool is None:
            return
        waiting = octets = 0
        look = console.look
        for index, item in enumerate(spool.survey()):
            if index == 0 and not console.json:
                console.writer.write(look.encode(spooled.heading(look) + "\n"))
            line = spooled.row_json(item) if console.json else spooled.row(item, look)
            console.writer.write(look.encode(line + "\n"))
            if isinstance(item, SpoolEntry):
                waiting += 1
                octets += item.message.size
        console.writer.flush()
        console.talk.info(f"{entries(waiting)}, {octets} octets in {spool.path}")


def run_cat(option: str | None, console: Console) -> None:
    """Write every entry as an envelope, one a line; gaps and flaws are said on stderr."""
    with opened(option, console) as spool:
        for item in spool.survey() if spool is not None else ():
            if isinstance(item, SpoolEntry):
                console.writer.write(spooled.envelope(item).encode() + b"\n")
            else:
                console.talk.warning(spooled.problem(item))
        console.writer.flush()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """What to give up: entries with these ids, those of a login, or everything."""

    ids: tuple[str, ...] = ()
    login: str | None = None
    everything: bool = False

    def check(self) -> None:
        """Refuse to guess.

        Raises:
            UsageError: nothing is named, or more than one kind of thing.
        """
        if sum((bool(self.ids), self.login is not None, self.everything)) != 1:
            raise UsageError("name message ids, or --owner DN, or --all", hint="dirac-mq spool ls shows what waits")

    def chooses(self, item: SpoolEntry | Gap | Flaw) -> bool:
        """Whether something is meant."""
        if self.everything:
            return True
        if self.login is not None:
            return not isinstance(item, Flaw) and item.label.owner.login == self.login
        return isinstance(item, SpoolEntry) and str(item.message.properties.message_id) in self.ids


def run_rm(option: str | None, removal: Removal, agree: Callable[[str], bool] | None, console: Console) -> None:
    """Give up entries.

    Args:
        agree: asks the user; None when it was agreed to beforehand.

    Raises:
        NothingThere: nothing of that kind waits.
        Partial: a running sender holds some of it.
    """
    removal.check()
    with opened(option, console) as spool:
        found = 0 if spool is None else sum(map(removal.chooses, spool.survey()))
        if spool is None or not found:
            if removal.everything:
                return
            raise NothingThere("nothing of that kind waits in the spool", hint="dirac-mq spool ls shows what does")
        if agree is not None and not agree(f"give up {entries(found)} of {spool.path} for good?"):
            console.talk.info("nothing was removed")
            return
        removed, held = spool.remove(removal.chooses)
        console.talk.info(f"{entries(removed)} removed")
        if held:
            raise Partial(f"{entries(held)} not removed: a running sender holds what it keeps")
