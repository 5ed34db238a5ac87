"""The last copy of a CS, kept between commands: fresh for a while, and still there when every server is away.

A file that is itself a CFG: its first line is a comment of fields between tabs, the rest is the CS's text without
passwords. It is as old as its time of modification says: finding that the CS has nothing newer touches it.
The copy belongs to servers and VO, not to an identity: a CS tells everybody the same, the file is the user's own, and
to ask for the credential first would cost more than all the rest.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from diracmq_cli.config.storage import Storage

_FORMAT = "# dirac-mq 1"
_LONGEST_HEAD = 8192


class Head(NamedTuple):
    """What the first line says, and the age in seconds (below 0: written in the future, by another clock).

    ``jitter`` is drawn when the copy is made, so that a thousand pilots do not renew theirs at one moment; ``offset``
    is where the text begins, ``size`` and ``digest`` are the text's.
    """

    version: str
    server: str
    digest: str
    size: int
    jitter: float
    offset: int
    age: float

    @property
    def identity(self) -> str:
        """Equal for copies whose text has the same meaning."""
        return identity(self.server, self.digest)

    def is_fresh(self, max_age: float) -> bool:
        """Whether the copy is younger than ``max_age`` seconds, or up to a quarter less."""
        return 0 <= self.age < max_age * (1 - self.jitter / 4)


class Snapshot:
    """The copy of one CS, named by who is asked for it."""

    def __init__(self, storage: Storage, urls: Iterable[str], vo: str, setup: str) -> None:
        self._storage = storage
        self._of = ascii([*sorted(urls), vo, setup])
        self._name = f"cs-{zlib.crc32(self._of.encode()):08x}.cfg"

    def head(self) -> Head | None:
        """What is kept, without reading it all; None when there is none, or it is not whole."""
        descriptor = self._storage.open(self._name)
        if descriptor is None:
            return None
        try:
            status = os.fstat(descriptor)
            first, newline, _ = os.read(descriptor, _LONGEST_HEAD).partition(b"\n")
        finally:
            os.close(descriptor)
        try:
            form, of, version, server, digest, size, jitter = first.decode().split("\t")
            offset = len(first) + len(newline)
            age = time.time() - status.st_mtime
            head = Head(version, server, digest, int(size), int(jitter) / 256, offset, age)
        except ValueError:
            return None
        whole = head.offset + head.size == status.st_size
        return head if (form, of, whole) == (_FORMAT, self._of, True) else None

    def text(self, head: Head) -> str | None:
        """The CFG that ``head`` describes; None when it is not (or no longer) there as it was written."""
        body = (self._storage.read(self._name) or b"")[head.offset :]
        text = body.decode(errors="replace")
        return text if digest_of(text) == head.digest else None

    def save(self, version: str, server: str, text: str, digest: str) -> None:
        """Keep ``text``, which holds no password any more, under its digest."""
        body = text.encode()
        jitter = os.urandom(1)[0]
        head = "\t".join([_FORMAT, self._of, version, server, digest, str(len(body)), str(jitter)])
        self._storage.write(self._name, b"%s\n%s" % (head.encode(), body), durable=True)

    def confirm(self) -> None:
        """The CS has nothing newer: the copy is as good as new."""
        self._storage.touch(self._name)

    def may_try(self, pause: float) -> bool:
        """Whether the last attempt to renew it, by any process, was over ``pause`` seconds ago; if so, this is one."""
        mark = self._name.replace(".cfg", ".try")
        age = self._storage.age(mark)
        if age is not None and 0 <= age < pause:
            return False
        self._storage.touch(mark)
        return True


def identity(server: str, digest: str) -> str:
    """What tells copies of the CS apart for those who read them: the text, and whom errors name as its origin."""
    return f"{server} {digest}"


def digest_of(text: str) -> str:
    """The digest by which a text is known again."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
