"""Files given on the command line, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from diracmq_cli.core.message import MAX_BODY, Message
from diracmq_cli.input.descriptor import Descriptor, check_file, open_file
from diracmq_cli.input.whole import WholeSource, too_large

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Source


class FilesSource:
    """What is in several files, in order, each opened when its turn comes (port ``Source``).

    All of them are looked at first, so that a wrong name is found before anything is sent.
    """

    def __init__(self, paths: Sequence[str], framing: Callable[[Descriptor], Source] = WholeSource) -> None:
        """Read ``paths``, each through a source made by ``framing``; by default each file is one message.

        Raises:
            UsageError: one of them is not there, is a directory, or may not be read.
            DataError: one would be a message that is too large.
        """
        for path in paths:
            status = check_file(path)
            if framing is WholeSource and status.st_size > MAX_BODY:
                raise too_large(path)
        self._sources: Iterator[Source] = (framing(open_file(path)) for path in paths)
        self._current: Source | None = None

    def fileno(self) -> int | None:
        """What becomes readable when there is more, if the present file is a pipe."""
        return None if self._current is None else self._current.fileno()

    def read(self) -> Sequence[Message] | None:
        """The messages that are complete now, or None after the last file.

        Raises:
            UsageError: a file has gone since it was looked at.
            DataError: a file cannot be read, or is not what its framing asks for.
        """
        while True:
            if self._current is None:
                self._current = next(self._sources, None)
                if self._current is None:
                    return None
            batch = self._current.read()
            if batch is not None:
                return batch
            self._current = None
