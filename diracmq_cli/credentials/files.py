"""The files of a credential: where they are, and reading them without ever hanging or trusting their size."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.errors import CredentialError

_LARGEST = 1 << 20
"""Octets; a proxy with its VOMS attributes is some 20 kB."""


@dataclass(frozen=True, slots=True)
class CredentialFiles:
    """Where a credential is. For a proxy both are the same file; ``kind`` is what its place makes us expect."""

    certificate: str
    key: str
    kind: CredentialKind


def remedy(kind: CredentialKind) -> str:
    """What to do when a credential of that kind cannot be used, as a hint."""
    if kind is CredentialKind.HOST_CERTIFICATE:
        return "ask for a host certificate from your certificate authority, or name one with --cert and --key"
    return "make a new proxy: dirac-proxy-init"


@dataclass(frozen=True, slots=True)
class SmallFile:
    """A file's contents, and its permission bits at the moment when they were read."""

    octets: bytes = field(repr=False)
    mode: int

    @property
    def open_to_others(self) -> bool:
        """Whether anybody but the owner may do anything with it; no grid tool takes a key from such a file."""
        return bool(self.mode & 0o077)


def read_file(path: str, what: str, hint: str) -> SmallFile:
    """Read a small regular file.

    Args:
        path: the file.
        what: what it should be (and whose), for the message.
        hint: what to do when it cannot be had.

    Raises:
        CredentialError: it is missing, unreadable, no regular file, or too large.
    """
    try:
        # A FIFO would block an ordinary open for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise CredentialError(f"{what}: {path} is not a regular file", hint=hint)
            octets = os.read(descriptor, _LARGEST + 1)  # all of a regular file, up to the bound
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise CredentialError(f"{what}: {path} does not exist", hint=hint) from None
    except (OSError, ValueError) as error:
        raise CredentialError(f"{what}: {path} cannot be read ({_reason(error)})", hint=hint) from error
    if len(octets) > _LARGEST:
        raise CredentialError(f"{what}: {path} is larger than any credential (over 1 MiB)", hint=hint)
    return SmallFile(octets, stat.S_IMODE(status.st_mode))


def _reason(error: OSError | ValueError) -> str:
    text = error.strerror if isinstance(error, OSError) else None
    return (text or str(error)).lower()
