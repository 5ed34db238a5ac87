"""Look at everything in the spool without taking part: no lock is held, nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator

from diracmq_cli.core.spool import Flaw, Gap, Label, SpoolEntry, entries
from diracmq_cli.spool.directory import Directory, translated
from diracmq_cli.spool.frames import Frame, Kind, scan
from diracmq_cli.spool.header import MAX_HEADER, Header, HeaderError, decode_header
from diracmq_cli.spool.payload import PayloadError, decode_gap, decode_message


def survey(directory: Directory) -> Iterator[SpoolEntry | Gap | Flaw]:
    """Everything that waits, run after run and in each run's order, with what is wrong where it is wrong.

    Raises:
        OutputError: a file cannot be read.
    """
    for name in _segments(directory):
        octets = _octets(directory, name)
        try:
            header = decode_header(octets)
        except HeaderError as error:
            yield Flaw(file=name, reason=str(error))
            continue
        if header is not None:
            yield from _contents(name, octets, header)


def count(directory: Directory, run: str | None = None) -> dict[Label, int]:
    """How many entries wait under each label, of one run or of all; quicker than to read them.

    Raises:
        OutputError: a file cannot be read.
    """
    counts: dict[Label, int] = {}
    for name in _segments(directory, run):
        octets = _octets(directory, name)
        try:
            header = decode_header(octets)
        except HeaderError:
            continue
        if header is not None:
            live = sum(not frame.done and frame.kind == Kind.MESSAGE for frame in _frames(octets, header))
            counts[header.label] = counts.get(header.label, 0) + live
    return counts


def label_of(directory: Directory, run: str) -> Label | None:
    """What a run says of its entries; None where none of its files tells."""
    for name in directory.segments(run):
        try:
            header = decode_header(_octets(directory, name, MAX_HEADER))
        except HeaderError:
            continue
        if header is not None:
            return header.label
    return None


def _contents(name: str, octets: bytes, header: Header) -> Iterator[SpoolEntry | Gap | Flaw]:
    sequence = missing = 0
    end = header.size
    for frame in _frames(octets, header):
        missing += frame.sequence - sequence - 1
        sequence, end = frame.sequence, frame.end
        if frame.done:
            continue
        try:
            if frame.kind == Kind.GAP:
                yield Gap(label=header.label, entries=decode_gap(frame.payload), file=name)
            else:
                message = decode_message(frame.payload)
                yield SpoolEntry(label=header.label, message=message, file=name, offset=frame.offset)
        except PayloadError:
            missing += 1
    if (flaw := flaw_of(name, missing, len(octets) - end)) is not None:
        yield flaw


def flaw_of(file: str, missing: int, torn: int) -> Flaw | None:
    """What is wrong with a file in which so many entries are missing and so many octets at the end are no entry.

    A torn end is what a sender that was killed leaves; nothing in it was ever reported as kept.
    """
    reasons = [f"{entries(missing)} damaged"] if missing else []
    reasons += [f"{torn} octets at the end are torn or damaged"] if torn else []
    return Flaw(file=file, reason=", ".join(reasons), entries=missing) if reasons else None


def _frames(octets: bytes, header: Header) -> Iterator[Frame]:
    return scan(octets[header.size :], header.seed, base=header.size)


def _segments(directory: Directory, run: str | None = None) -> list[str]:
    with translated(f"cannot read the spool {directory.path}"):
        return directory.segments(run)


def _octets(directory: Directory, name: str, most: int = -1) -> bytes:
    """A file's octets; none when it has been flushed away meanwhile."""
    with translated(f"cannot read the spool {directory.path}"):
        try:
            fd = directory.open(name, os.O_RDONLY)
        except FileNotFoundError:
            return b""
        with os.fdopen(fd, "rb") as file:
            return file.read(most)
