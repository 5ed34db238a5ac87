"""An input cut into records at a separator: lines, or what ends in NUL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.input.descriptor import Descriptor


class Records:
    """Reads the records of an input, many at a time. What follows the last separator is a record if not empty.

    ``count`` is how many have been read so far.
    """

    def __init__(self, source: Descriptor, separator: bytes, *, limit: int, called: str) -> None:
        """Cut ``source`` at ``separator``; ``limit`` is in octets, ``called`` is what a record is in errors."""
        self.count = 0
        self._source = source
        self._separator = separator
        self._limit = limit
        self._called = called
        self._begun: list[bytes] = []  # pieces of the record whose end has not come
        self._size = 0  # their octets
        self._rest = b""  # what has been read and stands behind a record over the limit
        self._skips = False  # what comes next belongs to such a record
        self._ended = False

    def fileno(self) -> int | None:
        """What becomes readable when there is more."""
        return self._source.fileno()

    def where(self, number: int) -> str:
        """The place of a record in errors, such as ``standard input, line 7``."""
        return f"{self._source.name}, {self._called} {number}"

    def read(self) -> list[bytes] | None:
        """The records that are complete now, without their separators, or None at the end.

        The list is empty only when the input has to be waited for.

        Raises:
            DataError: it cannot be read, or a record exceeds the limit; the message gives its number, and the next
                call goes on behind it.
        """
        while not self._ended:
            chunk, self._rest = self._rest or self._source.read(), b""
            if chunk is None:
                return []
            if not chunk:
                self._ended = True
                if self._begun:
                    return self._counted([self._complete(b"")])
                break
            if self._skips:
                _, end, chunk = chunk.partition(self._separator)
                self._skips = not end
                if not chunk:
                    continue
            first, *others = chunk.split(self._separator)
            if self._size + len(first) > self._limit:
                raise self._refused(others)
            if not others:
                self._begin(first)
                continue
            last = others.pop()
            records = self._counted([self._complete(first), *others])
            self._begin(last)
            return records
        return None

    def _begin(self, piece: bytes) -> None:
        if piece:
            self._begun.append(piece)
            self._size += len(piece)

    def _complete(self, piece: bytes) -> bytes:
        record = b"".join((*self._begun, piece))
        self._begun, self._size = [], 0
        return record

    def _refused(self, others: list[bytes]) -> DataError:
        """The record that has begun is too long: pass over the rest of it, and over nothing of the ``others``."""
        self._begun, self._size = [], 0
        self._skips = not others
        self._rest = self._separator.join(others)
        self.count += 1
        return DataError(f"{self.where(self.count)} has more than {self._limit} octets")

    def _counted(self, records: list[bytes]) -> list[bytes]:
        self.count += len(records)
        return records
