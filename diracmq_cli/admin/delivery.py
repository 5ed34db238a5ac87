"""Put rendered files into a directory: all is made elsewhere first, and each file is replaced in one step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from diracmq_cli.errors import OutputError


class State(StrEnum):
    """What became of a file."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Delivered:
    """A file of the directory, by its path below it."""

    path: Path
    state: State


@contextmanager
def staging(directory: Path) -> Iterator[Path]:
    """A scratch directory in ``directory``, removed afterwards; so is ``directory``, if it is new and stays empty.

    Raises:
        OutputError: it cannot be made, or what is done inside fails at a file.
    """
    try:
        new = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True)
        try:
            with tempfile.TemporaryDirectory(prefix=".rendering-", dir=directory) as scratch:
                yield Path(scratch)
        finally:
            if new and not any(directory.iterdir()):
                directory.rmdir()
    except OSError as error:
        raise OutputError(f"cannot write {directory}: {(error.strerror or str(error)).lower()}") from error


def write_files(directory: Path, files: Mapping[str, str], *, secret: frozenset[str]) -> None:
    """Write texts by their names; those in ``secret`` can be read by the owner alone."""
    for name, text in files.items():
        descriptor = os.open(directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(descriptor, 0o600 if name in secret else 0o644)
            os.fsync(descriptor)


def deliver(scratch: Path, directory: Path) -> tuple[Delivered, ...]:
    """Move everything from ``scratch`` into ``directory``; a file whose octets stay the same is left as it is.

    What else is in the directory stays. A file's mode is that of the new one.
    """
    found = []
    for source in sorted(path for path in scratch.rglob("*") if path.is_file()):
        path = source.relative_to(scratch)
        target = directory / path
        state = _state(source, target)
        if state is State.SAME:
            shutil.copymode(source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
        found.append(Delivered(path, state))
    return tuple(found)


def _state(source: Path, target: Path) -> State:
    if not target.exists():
        return State.NEW
    return State.SAME if target.read_bytes() == source.read_bytes() else State.CHANGED
