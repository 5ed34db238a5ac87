"""Give up what waits, because somebody says so."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import groupby

from diracmq_cli.core.spool import Flaw, Gap, SpoolEntry
from diracmq_cli.spool.directory import Directory, translated
from diracmq_cli.spool.frames import DONE, MARK_OFFSET
from diracmq_cli.spool.run import Run
from diracmq_cli.spool.survey import survey


def remove(directory: Directory, chosen: Callable[[SpoolEntry | Gap | Flaw], bool]) -> tuple[int, int]:
    """Remove what is chosen; returns how many entries have gone, and how many stay because somebody holds them.

    A gap or a flaw goes with its file, when nothing in the file is to stay.

    Raises:
        OutputError: the spool cannot be read or changed.
    """
    removed = held = 0
    for name, items in groupby(survey(directory), key=lambda item: item.file):
        everything = list(items)
        unwanted = [item for item in everything if chosen(item)]
        if not unwanted:
            continue
        entries = [item for item in unwanted if isinstance(item, SpoolEntry)]
        with translated(f"cannot remove from the spool {directory.path}"):
            if _remove_from(directory, name, entries, whole=len(unwanted) == len(everything)):
                removed += len(entries)
            else:
                held += len(entries)
    with translated(f"cannot remove from the spool {directory.path}"):
        _sweep(directory)
    return removed, held


def _remove_from(directory: Directory, name: str, entries: Sequence[SpoolEntry], *, whole: bool) -> bool:
    try:
        fd = directory.open_locked(name, os.O_RDWR)
    except FileNotFoundError:  # sent meanwhile
        return True
    if fd is None:
        return False
    try:
        for entry in entries:
            os.pwrite(fd, DONE, entry.offset + MARK_OFFSET)
        if whole:
            directory.unlink(name)
        else:
            os.fdatasync(fd)
    finally:
        os.close(fd)
    return True


def _sweep(directory: Directory) -> None:
    """Remove what is left of runs that have no segments any more."""
    for name in directory.runs():
        if not directory.segments(name):
            run = Run.claim(directory, name)
            if run is not None:
                run.close()
