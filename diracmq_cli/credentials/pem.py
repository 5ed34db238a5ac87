"""Find certificates and private keys in a PEM file (RFC 7468, and the older encrypted keys of RFC 1421)."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----\s(.*?)-----END \1-----", re.DOTALL)
_CERTIFICATES = frozenset({b"CERTIFICATE", b"X509 CERTIFICATE"})
_REVOCATION_LIST = b"X509 CRL"
_LEGACY_ENCRYPTION = re.compile(rb"^Proc-Type:\s*4,\s*ENCRYPTED", re.MULTILINE)


class PemError(ValueError):
    """A block is not base64."""


@dataclass(frozen=True, slots=True)
class PrivateKeyBlock:
    """A private key as it is in its file; ``encrypted`` when it takes a passphrase to read it."""

    octets: bytes = b""
    encrypted: bool = False

    def __repr__(self) -> str:
        return f"PrivateKeyBlock(encrypted={self.encrypted})"


def certificates(octets: bytes) -> list[bytes]:
    """The DER of each certificate, in the order of the file.

    Raises:
        PemError: one is not base64.
    """
    found = []
    for match in _BLOCK.finditer(octets):
        if match[1] in _CERTIFICATES:
            try:
                found.append(binascii.a2b_base64(b"".join(match[2].split()), strict_mode=True))
            except binascii.Error as error:
                raise PemError(f"certificate {len(found) + 1} is not base64") from error
    return found


def revocation_list(octets: bytes) -> bytes:
    """The DER of the first CRL in a file, which may itself be DER.

    Raises:
        PemError: it is not base64.
    """
    for match in _BLOCK.finditer(octets):
        if match[1] == _REVOCATION_LIST:
            try:
                return binascii.a2b_base64(b"".join(match[2].split()), strict_mode=True)
            except binascii.Error as error:
                raise PemError("it is not base64") from error
    return octets


def private_key(octets: bytes) -> PrivateKeyBlock | None:
    """The first private key, or None; only the first is used by any tool."""
    for match in _BLOCK.finditer(octets):
        if match[1] == b"PRIVATE KEY" or match[1].endswith(b" PRIVATE KEY"):
            encrypted = match[1].startswith(b"ENCRYPTED") or bool(_LEGACY_ENCRYPTION.search(match[2]))
            return PrivateKeyBlock(match[0] + b"\n", encrypted)
    return None
