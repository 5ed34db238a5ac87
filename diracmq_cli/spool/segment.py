"""One file of the spool, held open and locked: records are appended at its end and marked where they stand."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from diracmq_cli.spool.frames import DONE, MARK_OFFSET, Frame, Kind, encode_frame, scan
from diracmq_cli.spool.header import MAX_HEADER, Header, HeaderError, decode_header, encode_header

if TYPE_CHECKING:
    from diracmq_cli.core.spool import Label
    from diracmq_cli.spool.directory import Directory

MARKS_PER_SYNC = 1000
"""Marks that a power cut may undo (a dead process undoes none); those messages would be sent again, ids and all."""

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL


class Segment:
    """A segment that we alone may change. ``header`` is None where its writer died before it had finished it.

    Only what created a segment appends to it: nobody writes behind a torn tail. Methods raise ``OSError``.
    """

    def __init__(self, directory: Directory, name: str, fd: int, header: Header | None, size: int) -> None:
        self.name = name
        self.header = header
        self.size = size
        self._directory = directory
        self._fd = fd
        self._sequence = 0
        self._marks = 0

    @classmethod
    def create(cls, directory: Directory, name: str, label: Label) -> Segment:
        """Make a new one, durable with its header line, and lock it."""
        octets = encode_header(label, name)
        fd = directory.open_locked(name, _CREATE)
        if fd is None:
            raise FileExistsError(f"{name} was taken by another process")
        segment = cls(directory, name, fd, decode_header(octets), 0)
        try:
            segment._write(octets)
            segment.sync()
            directory.sync()
        except OSError:
            segment.remove()
            raise
        return segment

    @classmethod
    def open(cls, directory: Directory, name: str) -> Segment | None:
        """Open one that is there; None when another process holds it or it has gone.

        Raises:
            HeaderError: it cannot be read.
        """
        try:
            fd = directory.open_locked(name, os.O_RDWR)
        except FileNotFoundError:
            return None
        if fd is None:
            return None
        segment = cls(directory, name, fd, None, os.fstat(fd).st_size)
        try:
            segment.header = decode_header(os.pread(fd, MAX_HEADER, 0))
        except (HeaderError, OSError):
            segment.close()
            raise
        return segment

    def append(self, payloads: Iterable[bytes], kind: Kind = Kind.MESSAGE) -> None:
        """Write records at the end; they are durable after ``sync``, and after an error ``cut`` takes them back."""
        assert self.header is not None
        frames = []
        for payload in payloads:
            self._sequence += 1
            frames.append(encode_frame(kind, self._sequence, payload, self.header.seed))
        self._write(b"".join(frames))

    def frames(self, start: int = 0, sequence: int = 0) -> Iterator[Frame]:
        """The whole records from offset ``start`` on; ``sequence`` is that of the last one before it."""
        if self.header is None:
            return iter(())
        start = max(start, self.header.size)
        return scan(self._read(start), self.header.seed, base=start, sequence=sequence)

    def mark(self, offset: int) -> None:
        """Say of the record at ``offset`` that it is done with. Survives the process at once, a power cut by and by."""
        os.pwrite(self._fd, DONE, offset + MARK_OFFSET)
        self._marks += 1
        if self._marks >= MARKS_PER_SYNC:
            self.sync()

    def sync(self) -> None:
        """Make everything written and marked durable."""
        os.fdatasync(self._fd)
        self._marks = 0

    def cut(self, size: int) -> None:
        """Take back what was appended beyond ``size``."""
        os.ftruncate(self._fd, size)
        self.size = size
        self.sync()

    def remove(self) -> None:
        """Remove the file and close it."""
        self._directory.unlink(self.name)
        os.close(self._fd)

    def close(self) -> None:
        """Let go of it; marks are made durable first."""
        try:
            if self._marks:
                self.sync()
        finally:
            os.close(self._fd)

    def _write(self, octets: bytes) -> None:
        rest = memoryview(octets)
        while rest:
            written = os.pwrite(self._fd, rest, self.size)
            self.size += written
            rest = rest[written:]

    def _read(self, start: int) -> bytes:
        pieces = []
        while piece := os.pread(self._fd, 1 << 24, start):
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)
