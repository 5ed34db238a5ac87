"""JSON Web Signatures in compact form (RFC 7515 section 7.1), as far as a stamp needs them; nothing is verified here.

Stricter than the RFC where it leaves a choice: two algorithms, three header parameters and no others, base64url in
its one canonical form. So no two strings mean the same stamp but for the order and spacing inside its JSON.
"""

from __future__ import annotations

import binascii
import json
from dataclasses import dataclass, field
from enum import StrEnum

from diracmq_cli.core.jsonvalues import octets_from_json
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import DataError, VerificationError

TYP = "dirac-stamp"
"""The header's ``typ``, so that a JWS that the same key signed for another purpose is never taken for a stamp."""

MAX_STAMP = 96 * 1024
"""Octets. Ten proxies of 2 kB are 40 kB here, and all headers of a message must fit into one frame of 128 kB."""

MAX_CERTIFICATES = 12
"""More than any chain that keeps the rules; those say it better."""


class Algorithm(StrEnum):
    """Signature algorithms of stamps (RFC 7518 section 3.1): what the keys of grid certificates and proxies can do."""

    RS256 = "RS256"
    ES256 = "ES256"


@dataclass(frozen=True, slots=True)
class Compact:
    """The three parts. Header and payload stand here as they are signed, with a dot between them; the payload also as
    what it says."""

    header: bytes = field(repr=False)
    encoded_payload: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    signature: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """What the protected header says: the algorithm and the DER of each certificate, the signer's first."""

    algorithm: Algorithm
    chain: tuple[bytes, ...] = field(repr=False)


def split(stamp: str) -> Compact:
    """Take a compact serialisation apart; only the payload and the signature are decoded yet.

    Raises:
        VerificationError: it is too large, not of three parts, or a part is not canonical base64url.
    """
    if len(stamp) > MAX_STAMP:
        raise VerificationError(Refusal.STAMP_SIZE, f"the stamp has {len(stamp)} characters, more than {MAX_STAMP}")
    parts = stamp.split(".")
    if len(parts) != 3 or not stamp.isascii():
        raise VerificationError(Refusal.STAMP_FORM, "the stamp is not a JWS of three parts")
    header, payload, signature = (part.encode("ascii") for part in parts)
    return Compact(header, payload, from_base64url(payload), from_base64url(signature))


def read_header(encoded: bytes) -> Header:
    """Read a protected header.

    Raises:
        VerificationError: it is not strict JSON, its parameters are not exactly ``alg``, ``typ`` and ``x5c`` (a
            ``crit`` would have to be understood, a ``jwk`` must never be), the algorithm is none of ours, or a
            certificate is not base64.
    """
    try:
        header = parse_json(from_base64url(encoded), "the stamp's header", limit=MAX_STAMP)
    except VerificationError:
        raise
    except DataError as error:
        raise VerificationError(Refusal.STAMP_HEADER, str(error)) from None
    if not isinstance(header, dict) or header.keys() != {"alg", "typ", "x5c"} or header["typ"] != TYP:
        raise VerificationError(Refusal.STAMP_HEADER, f"the stamp's header is not alg, typ {TYP} and x5c")
    algorithm, chain = header["alg"], header["x5c"]
    if not isinstance(algorithm, str) or algorithm not in Algorithm.__members__:
        raise VerificationError(Refusal.ALGORITHM, "the stamp's algorithm is neither RS256 nor ES256")
    if not isinstance(chain, list) or not 1 <= len(chain) <= MAX_CERTIFICATES:
        raise VerificationError(Refusal.CHAIN_FORM, "the stamp's x5c is not a list of certificates")
    try:
        return Header(Algorithm(algorithm), tuple([octets_from_json(item, "a certificate of x5c") for item in chain]))
    except DataError as error:
        raise VerificationError(Refusal.CHAIN_FORM, str(error)) from None


def write_header(header: Header) -> bytes:
    """Write a protected header, encoded; ``x5c`` is base64, not base64url (RFC 7515 section 4.1.6)."""
    chain = [binascii.b2a_base64(octets, newline=False).decode("ascii") for octets in header.chain]
    document = {"alg": header.algorithm.value, "typ": TYP, "x5c": chain}
    return to_base64url(json.dumps(document, separators=(",", ":")).encode("ascii"))


def join(header: bytes, payload: bytes, signature: bytes) -> str:
    """The compact serialisation; header and payload are encoded already, since that is how they are signed."""
    return b"".join((header, b".", payload, b".", to_base64url(signature))).decode("ascii")


_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")


def to_base64url(octets: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(octets, newline=False).rstrip(b"=").translate(_TO_URL)


def from_base64url(encoded: bytes) -> bytes:
    """Read base64url, in its one canonical form only.

    Raises:
        VerificationError: it is padded, holds another character, or has bits that stand for nothing.
    """
    try:
        octets = binascii.a2b_base64(encoded.translate(_FROM_URL) + b"=" * (-len(encoded) % 4))
    except binascii.Error:
        octets = b""
    if to_base64url(octets) != encoded:  # the decoder passes over what it does not know
        raise VerificationError(Refusal.STAMP_FORM, "a part of the stamp is not canonical base64url")
    return octets
