"""Tampering with the stamp itself and the chain in it, by anybody: no key is needed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.chains import Issued, proxy, tampered
from support.jose import encoded
from support.origin_world import der_of
from support.tampering import Row, Signed

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import OpaqueString


def stamps() -> Iterator[Row]:
    """The stamp itself, by anybody."""
    yield Row("removed", Refusal.NO_STAMP, lambda s: s.with_headers(dirac_stamp=...))  # type: ignore[arg-type]
    yield Row("as octets", Refusal.STAMP_TYPE, lambda s: s.with_stamp(s.stamp.encode()))
    yield Row("not UTF-8", Refusal.STAMP_TYPE, lambda s: s.with_stamp(OpaqueString(b"\xff" + s.stamp.encode())))
    yield Row("padded to 100 kB", Refusal.STAMP_SIZE, lambda s: s.with_stamp(s.stamp + "A" * 100_000))
    yield Row("empty", Refusal.STAMP_FORM, lambda s: s.with_stamp(""))
    yield Row("without its signature", Refusal.STAMP_FORM, lambda s: s.with_stamp(s.stamp.rpartition(".")[0]))
    yield Row("with a fourth part", Refusal.STAMP_FORM, lambda s: s.with_stamp(s.stamp + ".e30"))
    yield Row("with a space", Refusal.STAMP_FORM, lambda s: s.with_stamp(s.stamp + " "))
    yield Row("with padding", Refusal.STAMP_FORM, lambda s: s.with_part(2, lambda part: part + "=="))
    yield Row("in the other alphabet", Refusal.STAMP_FORM, lambda s: s.with_part(2, lambda part: "+/" + part[2:]))
    yield Row("with idle bits set", Refusal.STAMP_FORM, lambda s: s.with_part(2, _idle_bit))
    yield Row("not ASCII", Refusal.STAMP_FORM, lambda s: s.with_part(1, lambda part: part[:-1] + "é"))
    yield Row("its header changed", Refusal.STAMP_HEADER, lambda s: s.with_part(0, lambda part: "A" + part[1:]))
    yield Row("its header empty", Refusal.STAMP_HEADER, lambda s: s.with_part(0, lambda _part: ""))
    yield Row("alg there twice", Refusal.STAMP_HEADER, lambda s: s.with_part(0, _twice))
    yield Row("crit added", Refusal.STAMP_HEADER, lambda s: s.with_header(crit=["exp"]))
    yield Row("jwk added", Refusal.STAMP_HEADER, lambda s: s.with_header(jwk={"kty": "EC"}))
    yield Row("typ of another purpose", Refusal.STAMP_HEADER, lambda s: s.with_header(typ="JWT"))
    yield Row("alg none", Refusal.ALGORITHM, lambda s: _none(s))
    yield Row("alg HS256 with the public key", Refusal.ALGORITHM, _hmac)
    yield Row("alg PS256", Refusal.ALGORITHM, lambda s: s.with_header(alg="PS256"))
    yield Row("alg a number", Refusal.ALGORITHM, lambda s: s.with_header(alg=256))
    yield Row("alg RS256 for an EC key", Refusal.ALGORITHM_MISMATCH, lambda s: s.with_header(alg="RS256"))
    yield Row("signature changed", Refusal.SIGNATURE, lambda s: s.with_part(2, lambda part: _other(part[0]) + part[1:]))
    yield Row("signature empty", Refusal.SIGNATURE, lambda s: s.with_part(2, lambda _part: ""))
    yield Row("signature of zeros", Refusal.SIGNATURE, lambda s: s.with_part(2, lambda _part: encoded(bytes(64))))
    yield Row("signature of ones", Refusal.SIGNATURE, lambda s: s.with_part(2, lambda _part: encoded(b"\xff" * 64)))
    yield Row("signature as DER", Refusal.SIGNATURE, lambda s: s.with_part(2, _as_der))
    yield Row("signature with r and s exchanged", Refusal.SIGNATURE, lambda s: s.with_part(2, _exchanged))
    yield Row(
        "payload changed",
        Refusal.SIGNATURE,
        lambda s: s.with_part(1, lambda part: part[:9] + _other(part[9]) + part[10:]),
    )
    yield Row("payload of another message", Refusal.SIGNATURE, _other_payload)
    yield Row("of another message", Refusal.MESSAGE_ID, lambda s: s.with_stamp(s.other.headers["dirac-stamp"]))


def chains_without_key() -> Iterator[Row]:
    """The chain in the stamp, by anybody."""
    yield Row("x5c no list", Refusal.CHAIN_FORM, lambda s: s.with_header(x5c="x"))
    yield Row("x5c empty", Refusal.CHAIN_FORM, lambda s: s.with_header(x5c=[]))
    yield Row("x5c of 13", Refusal.CHAIN_FORM, lambda s: s.with_header(x5c=s.parts.header["x5c"] * 7))
    yield Row("x5c not base64", Refusal.CHAIN_FORM, lambda s: s.with_header(x5c=["-_-_"]))
    yield Row("x5c of numbers", Refusal.CHAIN_FORM, lambda s: s.with_header(x5c=[1, 2]))
    yield Row("x5c of noise", Refusal.CERTIFICATE, lambda s: s.with_header(x5c=["AAAA"]))
    yield Row("a certificate cut short", Refusal.CERTIFICATE, lambda s: _chain(s, der_of(s.leaf)[:-9], s.world.jane))
    yield Row("x5c in the other order", Refusal.CHAIN_ORDER, lambda s: _chain(s, s.world.jane, s.leaf))
    yield Row("x5c with the signer twice", Refusal.CHAIN_ORDER, lambda s: _chain(s, s.leaf, s.leaf, s.world.jane))
    yield Row("x5c with another between", Refusal.CHAIN_ORDER, lambda s: _chain(s, s.leaf, s.john, s.world.jane))
    yield Row("x5c padded with the CA", Refusal.CHAIN_PADDED, lambda s: _chain(s, *s.chain, s.world.ca))
    yield Row("x5c padded with another", Refusal.CHAIN_PADDED, lambda s: _chain(s, *s.chain, s.john))
    yield Row("x5c without its end", Refusal.CHAIN_INCOMPLETE, lambda s: _chain(s, s.leaf))
    yield Row("x5c of another", Refusal.SIGNATURE, lambda s: _chain(s, proxy(s.john), s.john))
    yield Row("proxy replaced by its owner", Refusal.ALGORITHM_MISMATCH, lambda s: _chain(s, s.world.jane))
    yield Row("proxy tampered with", Refusal.CHAIN_SIGNATURE, lambda s: _chain(s, tampered(s.leaf), s.world.jane))
    yield Row("certificate tampered with", Refusal.UNKNOWN_CA, lambda s: _chain(s, s.leaf, tampered(s.world.jane)))


def _chain(s: Signed, *chain: Issued | bytes) -> Delivery:
    return s.with_header(x5c=s.parts.with_chain(*chain).header["x5c"])


def _idle_bit(part: str) -> str:
    """64 octets are 86 characters, and the last one's four low bits stand for nothing."""
    return part[:-1] + _other(part[-1])


def _other(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(character) ^ 1]


def _twice(part: str) -> str:
    return encoded(b'{"alg":"ES256",' + _decoded(part)[1:])


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _as_der(part: str) -> str:
    octets = _decoded(part)
    return encoded(encode_dss_signature(int.from_bytes(octets[:32]), int.from_bytes(octets[32:])))


def _exchanged(part: str) -> str:
    octets = _decoded(part)
    return encoded(octets[32:] + octets[:32])


def _none(s: Signed) -> Delivery:
    header = encoded(json.dumps({**s.parts.header, "alg": "none"}).encode())
    return s.with_stamp(f"{header}.{s.stamp.split('.')[1]}.")


def _hmac(s: Signed) -> Delivery:
    """The public key taken for a shared secret (the confusion of RFC 8725 section 2.1)."""
    header = encoded(json.dumps({**s.parts.header, "alg": "HS256"}).encode())
    secret = s.leaf.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{header}.{s.stamp.split('.')[1]}"
    return s.with_stamp(f"{signed}.{encoded(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}")


def _other_payload(s: Signed) -> Delivery:
    return s.with_part(1, lambda _part: str(s.other.headers["dirac-stamp"]).split(".")[1])
