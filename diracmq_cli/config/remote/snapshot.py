"""The last copy of a CS, kept between commands: fresh for a while, and still there when every server is away.

A file that is itself a CFG: its first line is a comment that says whence and which version, the rest is the CS's text
without passwords. It is as old as its time of modification says: finding that the CS has nothing newer touches it.
The copy belongs to servers and VO, not to an identity: a CS tells everybody the same, the file is the user's own, and
to ask for the credential first would cost more than all the rest.
"""

from __future__ import annotations

import json
import os
import random
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from diracmq_cli.config.storage import Storage

_FORMAT = 1
_LONGEST_HEAD = 8192


@dataclass(frozen=True, slots=True)
class Head:
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
        self._of = [*sorted(urls), vo, setup]
        self._name = f"cs-{zlib.crc32(repr(self._of).encode()):08x}.cfg"

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
            fields = json.loads(first.removeprefix(b"#"))
            head = Head(
                version=str(fields["version"]),
                server=str(fields["server"]),
                digest=str(fields["sha256"]),
                size=int(fields["size"]),
                jitter=float(fields["jitter"]),
                offset=len(first) + len(newline),
                age=time.time() - status.st_mtime,
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        ours = fields.get("v") == _FORMAT and fields.get("of") == self._of
        return head if ours and head.offset + head.size == status.st_size else None

    def text(self, head: Head) -> str | None:
        """The CFG that ``head`` describes; None when it is not (or no longer) there as it was written."""
        import hashlib

        body = (self._storage.read(self._name) or b"")[head.offset :]
        return body.decode() if hashlib.sha256(body).hexdigest() == head.digest else None

    def save(self, version: str, server: str, text: str) -> str:
        """Keep ``text``, which holds no password any more; returns the copy's identity."""
        import hashlib

        body = text.encode()
        digest = hashlib.sha256(body).hexdigest()
        fields = {
            "v": _FORMAT,
            "of": self._of,
            "version": version,
            "server": server,
            "sha256": digest,
            "size": len(body),
            "jitter": round(random.random(), 3),  # noqa: S311 - it only spreads load
        }
        self._storage.write(self._name, b"#%s\n%s" % (json.dumps(fields).encode(), body), durable=True)
        return identity(server, digest)

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
