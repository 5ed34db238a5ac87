"""The extract kept between commands: a CS of 1 MB takes a second to parse and its extract milliseconds to load.

What is kept is good as long as every source is the same file in the same state (or absent, as it was), the options
of the command line are the same, and so are the copy of the remote CS and our own code. The change time (ctime) of a
file tells everything that can happen to it, a chmod too, and nobody can set it back. A source that changed just
before it was read might change again within one tick of its clock: then nothing is kept.

The format is marshal's, behind a checksum and read strictly (``plain``): plain data, which runs no code whatever it
holds. JSON would do, but importing its module and parsing cost as much as all the rest. Its weakness, that crafted
octets may crash the interpreter, matters little in a file that only the user himself can write: so are Python's own
``.pyc`` files, which hold code in the same format.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import marshal
import os
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diracmq_cli.config.sources import LocalSources, source_names
from diracmq_cli.core.cached import cached_property
from diracmq_cli.version import __version__

if TYPE_CHECKING:
    from diracmq_cli.config.extract import Extract
    from diracmq_cli.config.storage import Storage
    from diracmq_cli.core.model import Secret, Source

_log = logging.getLogger(__name__)

_SETTLED = 2.0
"""Seconds; the coarsest clock of a file system in use (FAT, old NFS) ticks that slowly."""

State = list[object]


class ExtractCache:
    """Extracts by what they were made from."""

    def __init__(self, storage: Storage, sources: LocalSources) -> None:
        self._storage = storage
        self._names = [name for name, _ in source_names(sources)]
        self._fixed: State = [
            __version__,
            sys.hexversion,
            _code_state(),
            os.geteuid(),
            sources.root,
            list(sources.options),
        ]

    def state(self, remote: str = "") -> State:
        """What an extract depends on; to be asked for before the sources are read.

        Args:
            remote: tells copies of the remote CS apart; empty for the local files alone.
        """
        return [*self._fixed, remote, self._files]

    def load(self, state: State) -> Extract | None:
        """The extract that was kept for exactly this state."""
        octets = self._storage.read(self._name(state))
        if octets is None:
            return None
        from diracmq_cli.config.plain import from_plain
        from diracmq_cli.errors import MQError

        try:
            if zlib.crc32(octets[4:]) != int.from_bytes(octets[:4]):
                raise ValueError("its checksum is wrong")
            with _no_collection():
                kept_state, extract = marshal.loads(octets[4:])  # noqa: S302 - see above
                return from_plain(extract, _read_password) if kept_state == state else None
        except (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, MQError) as error:
            _log.info("what was kept in %s cannot be used: %r", self._storage.directory, error)
            return None

    def save(self, state: State, extract: Extract) -> None:
        """Keep ``extract`` for ``state``, unless a file was about to change when it was read, or has changed."""
        if not self._settled or self._files != self._look():
            return
        from diracmq_cli.config.plain import to_plain

        octets = marshal.dumps((state, to_plain(extract)))
        self._storage.write(self._name(state), zlib.crc32(octets).to_bytes(4) + octets)

    @cached_property
    def _files(self) -> list[list[Any]]:
        """Each file's state when it was first asked for, which is before any file is read."""
        files = self._look()
        last = max((state[0] for _, state in files if state is not None), default=0)
        self._settled = time.time() - last / 1e9 > _SETTLED
        return files

    def _look(self) -> list[list[Any]]:
        return [[name, _file_state(name)] for name in self._names]

    def _name(self, state: State) -> str:
        """One file for one set of sources, so that a change of a source replaces what it makes useless."""
        *fixed, remote, _ = state
        key = repr([fixed, bool(remote), self._names])
        return f"extract-{zlib.crc32(key.encode('utf-8', 'surrogatepass')):08x}"


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Thousands of small objects, all of which stay: looking for garbage among them takes a quarter of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _file_state(name: str) -> list[int] | None:
    try:
        status = os.stat(name)  # noqa: PTH116 - a Path costs more than the call
    except (OSError, ValueError):
        return None
    return [status.st_ctime_ns, status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev]


def _code_state() -> int:
    """When the code that reads a configuration was last changed: between releases too, for those who work on it."""
    here = Path(__file__).parent
    times = [0]
    try:
        for directory in (here, here / "remote", here.parent / "core"):
            with os.scandir(directory) as entries:
                times += [entry.stat().st_mtime_ns for entry in entries if entry.name.endswith(".py")]
    except OSError:  # no directory: the code is in a zip archive, and does not change between releases
        return 0
    return max(times)


def _read_password(place: Source) -> Secret:
    from diracmq_cli.config.cfgfile import read_cfg_file
    from diracmq_cli.core.model import Secret

    file = read_cfg_file(place.file)
    option = file.tree.option(place.section)
    if option is None or not option.value or file.exposure is not None:
        raise ValueError(f"no password at {place.section}")
    return Secret(option.value, place)
