"""``--save DIR``: each message as two files, ``NNNNNN-ID.body`` with its octets and ``NNNNNN-ID.json``, the envelope.

A message that was refused has a third, ``NNNNNN-ID.reason``: the reason's code on its first line, a sentence on its
second. The JSON appears last, so whoever finds one finds the others too. Files appear under these names only at
``flush``, when they are on the disk; until then, and after a crash, they are hidden files that end in ``.part``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import encode
from diracmq_cli.errors import OutputError
from diracmq_cli.output.escape import visible

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.verdict import Verdict

_COUNTED = re.compile(r"([0-9]{6,18})-")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_ID = 64
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class _Parts:
    """The hidden files of one message by the ends of their names, in the order in which they appear, and its id."""

    files: Mapping[str, str]
    identifier: str


class SaveSink:
    """Saves messages into a directory (ports ``Sink`` and ``Rejects``); several processes may share it.

    The counter goes on where the directory's files end. Files have mode 0600 and replace nothing.
    """

    def __init__(self, directory: Path) -> None:
        """Open the directory, or make it (mode 0700).

        Raises:
            OutputError: it is no directory, cannot be made or written, or knows no hard links.
        """
        self._directory = directory
        self._token = os.urandom(4).hex()
        self._pending: list[_Parts] = []
        with self._translated():
            with suppress(FileExistsError):
                directory.mkdir(mode=0o700)
            self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            self._probe()
            self._count = max((_number(path.name) for path in directory.iterdir()), default=0)

    def write(self, delivery: Delivery, verdict: Verdict, refused: Refused | None = None) -> None:
        """Take one message, and why it was refused if it was.

        Raises:
            OutputError: it cannot be written; then nothing is left of it, nor of those not yet flushed.
        """
        contents = {"body": delivery.message.body}
        if refused is not None:
            contents["reason"] = f"{refused.code}\n{visible(refused.reason)}\n".encode()
        contents["json"] = encode(delivery, verdict).encode() + b"\n"
        stem = f".{self._token}-{len(self._pending)}"
        parts = _Parts({end: f"{stem}.{end}.part" for end in contents}, _identifier(delivery))
        self._pending.append(parts)
        with self._translated():
            for end, content in contents.items():
                self._create(parts.files[end], content)

    def flush(self) -> None:
        """Bring everything taken to the disk, and give it its names.

        Raises:
            OutputError: as ``write``; what had got its names already stays.
        """
        if not self._pending:
            return
        with self._translated():
            for parts in self._pending:
                for name in parts.files.values():
                    self._sync(name)
            while self._pending:
                self._publish(self._pending[0])
                self._remove(self._pending.pop(0))
            os.fsync(self._fd)

    def _probe(self) -> None:
        """Fail now, before anything is taken, where files cannot be made or not be linked."""
        probe = _Parts({"body": f".{self._token}.probe", "json": f".{self._token}.probe-link"}, "")
        try:
            self._create(probe.files["body"], b"")
            self._link(probe.files["body"], probe.files["json"])
        finally:
            self._remove(probe)

    def _create(self, name: str, content: bytes) -> None:
        with os.fdopen(os.open(name, _CREATE, 0o600, dir_fd=self._fd), "wb") as file:
            file.write(content)

    def _sync(self, name: str) -> None:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _publish(self, parts: _Parts) -> None:
        """Give the files the next number that is free; a hard link, unlike a rename, never replaces anything."""
        while True:
            self._count += 1
            linked: list[str] = []
            try:
                for end, name in parts.files.items():
                    target = f"{self._count:06}-{parts.identifier}.{end}"
                    self._link(name, target)
                    linked.append(target)
            except OSError as error:
                for target in linked:
                    os.unlink(target, dir_fd=self._fd)
                if not isinstance(error, FileExistsError):
                    raise
            else:
                return

    def _link(self, source: str, target: str) -> None:
        os.link(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd, follow_symlinks=False)

    def _remove(self, parts: _Parts) -> None:
        for name in parts.files.values():
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self._fd)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn an OSError into ours, and leave no half message behind."""
        try:
            yield
        except OSError as error:
            for parts in self._pending:
                with suppress(OSError):
                    self._remove(parts)
            self._pending.clear()
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"cannot save into {self._directory}: {reason}") from error


def _number(name: str) -> int:
    counted = _COUNTED.match(name)
    return int(counted[1]) if counted else 0


def _identifier(delivery: Delivery) -> str:
    """The message id as a part of a file name: bounded, of harmless characters, ``no-id`` where there is none."""
    return _UNSAFE.sub("_", str(delivery.message.properties.message_id or "no-id"))[:_LONGEST_ID]
