"""A directory of trusted CAs as the grid has it: ``<hash>.0``, ``<hash>.r0`` and ``<hash>.signing_policy``.

The hash is OpenSSL's of the CA's name. What has been read is kept until one of the files changes, for a CRL may have
megabytes; ``changed`` says when.
"""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import certificate as x509
from diracmq_cli.credentials import der, pem
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.signingpolicy import PolicyError, SigningPolicy, read_signing_policy
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.credentials.certificate import Certificate

CHECK_EVERY = 1.0
"""Seconds between two looks at whether the files have changed."""

_LARGEST = 64 << 20
_ONLY_READABLE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO would block an ordinary open for ever


@dataclass(frozen=True, slots=True)
class Crl:
    """A certificate revocation list: its DER, and when the next one is due (seconds since the epoch)."""

    octets: bytes = field(repr=False)
    next_update: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """All that the directory holds under one hash: CAs of that name, their CRLs, what they may certify."""

    authorities: tuple[Certificate, ...]
    crls: tuple[Crl, ...]
    policy: SigningPolicy | None


class CaDirectory:
    """Reads the directory and watches what it has read."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._buckets: dict[str, Bucket] = {}
        self._seen: dict[Path, tuple[int, int, int] | None] = {}
        self._checked = -math.inf

    def bucket(self, name_hash: str) -> Bucket:
        """What is there under a hash (eight hexadecimal digits).

        Raises:
            VerificationError: a file cannot be read, or is not what its name says.
        """
        if name_hash not in self._buckets:
            self._buckets[name_hash] = Bucket(
                tuple(self._authorities(name_hash)), tuple(self.crls(name_hash)), self._policy(name_hash)
            )
        return self._buckets[name_hash]

    def changed(self, now: float) -> bool:
        """Whether a file has come, gone or changed since it was read; then everything is forgotten.

        The files are looked at once a second at most. ``now`` is in seconds since the epoch.
        """
        if 0 <= now - self._checked < CHECK_EVERY:
            return False
        self._checked = now
        if all(_state(path) == seen for path, seen in self._seen.items()):
            return False
        self._buckets.clear()
        self._seen.clear()
        return True

    def _authorities(self, name_hash: str) -> Iterator[Certificate]:
        for path, octets in self._numbered(f"{name_hash}."):
            try:
                certificates = pem.certificates(octets) or [octets]
                yield x509.parse(certificates[0])
            except (pem.PemError, DerError) as error:
                raise _broken(path, f"is no certificate ({error})") from None

    def crls(self, name_hash: str) -> Iterator[Crl]:
        """The CRLs alone, read anew.

        Raises:
            VerificationError: a file cannot be read, or is no CRL.
        """
        for path, octets in self._numbered(f"{name_hash}.r"):
            try:
                revocations = pem.revocation_list(octets)
                yield Crl(revocations, _next_update(revocations))
            except (pem.PemError, DerError) as error:
                raise VerificationError(Refusal.CRL_INVALID, f"{path} is no CRL ({error})") from None

    def _policy(self, name_hash: str) -> SigningPolicy | None:
        path = self._path / f"{name_hash}.signing_policy"
        octets = self._read(path)
        if octets is None:
            return None
        try:
            return read_signing_policy(octets.decode("utf-8", "surrogateescape"))
        except PolicyError as error:
            raise _broken(path, f"is no signing policy ({error})") from None

    def _numbered(self, prefix: str) -> Iterator[tuple[Path, bytes]]:
        """The files ``prefix``0, ``prefix``1 and so on, up to the first that is not there."""
        for number in count():
            path = self._path / f"{prefix}{number}"
            octets = self._read(path)
            if octets is None:
                return
            yield path, octets

    def _read(self, path: Path) -> bytes | None:
        """A file's contents, or None; either way it is watched from now on."""
        self._seen[path] = _state(path)  # before reading, so that a change in between is seen
        try:
            descriptor = os.open(path, _ONLY_READABLE)
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise _broken(path, "is not a regular file")
                octets = file.read(_LARGEST + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _broken(path, f"cannot be read ({(error.strerror or str(error)).lower()})") from None
        if len(octets) > _LARGEST:
            raise _broken(path, "is larger than 64 MiB")
        return octets


def _state(path: Path) -> tuple[int, int, int] | None:
    """What changes when a file does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _broken(path: Path, fault: str) -> VerificationError:
    return VerificationError(Refusal.CA_DIRECTORY, f"{path} {fault}")


def _next_update(octets: bytes) -> float:
    """When a CRL (RFC 5280 section 5.1) says that the next one is due."""
    fields = list(der.read_one(octets).expect(der.SEQUENCE).children()[0].expect(der.SEQUENCE).children())
    if fields and fields[0].tag == der.INTEGER:
        fields.pop(0)
    times = [der.moment(time) for time in fields[2:4] if time.tag in (der.UTC_TIME, der.GENERALIZED_TIME)]
    if len(times) != 2:
        raise DerError("it does not say when the next one is due")
    return times[1]
