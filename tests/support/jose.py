"""Stamps as an independent JOSE implementation (joserfc) reads and makes them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey
from support.chains import Issued, Key
from support.origin_world import der_of

from diracmq_cli.core.message import Message


class _Registry(jws.JWSRegistry):
    """joserfc refuses headers that hold more than a key's name, unless told."""

    max_header_length = 1 << 17
    max_payload_length = 1 << 17


def verified_by_joserfc(stamp: str) -> tuple[dict[str, Any], dict[str, Any], list[x509.Certificate]]:
    """Header and payload of a JWS that verifies with the first certificate of its own ``x5c``, and the chain.

    Raises:
        joserfc.errors.BadSignatureError: it does not.
    """
    registry = _Registry(algorithms=["RS256", "ES256"])
    chain = [base64.b64decode(item) for item in json.loads(_decode(stamp.split(".")[0]))["x5c"]]
    certificates = [x509.load_der_x509_certificate(octets) for octets in chain]
    found = jws.deserialize_compact(stamp, _jwk(certificates[0].public_key()), registry=registry)
    return dict(found.headers()), json.loads(found.payload), certificates


def _jwk(key: Key | CertificatePublicKeyTypes) -> RSAKey | ECKey:
    if isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    else:
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    is_rsa = isinstance(key, (rsa.RSAPrivateKey, rsa.RSAPublicKey))
    return RSAKey.import_key(pem) if is_rsa else ECKey.import_key(pem)


@dataclass(frozen=True, slots=True)
class Parts:
    """A stamp taken apart: header and payload as JSON values, the key of whoever signs what has been changed."""

    header: dict[str, Any]
    payload: dict[str, Any]
    key: Key

    @classmethod
    def of(cls, message: Message, key: Key) -> Parts:
        header, payload, _ = str(message.headers["dirac-stamp"]).split(".")
        return cls(json.loads(_decode(header)), json.loads(_decode(payload)), key)

    def signed(self, algorithm: str | None = None, *, payload: bytes | None = None) -> str:
        """The stamp signed anew, with ``algorithm`` whatever the header says."""
        octets = json.dumps(self.payload).encode() if payload is None else payload
        registry = _Registry(algorithms=["RS256", "ES256", "PS256", "RS512"], strict_check_header=False)
        header = self.header if algorithm is None else {**self.header, "alg": algorithm}
        return jws.serialize_compact(header, octets, _jwk(self.key), registry=registry)

    def with_header(self, **fields: object) -> Parts:
        return replace(self, header=_changed(self.header, fields))

    def with_payload(self, **fields: object) -> Parts:
        return replace(self, payload=_changed(self.payload, fields))

    def with_chain(self, *chain: Issued | bytes) -> Parts:
        return self.with_header(x5c=x5c(chain))


def x5c(chain: Sequence[Issued | bytes]) -> list[str]:
    octets = [one if isinstance(one, bytes) else der_of(one) for one in chain]
    return [base64.b64encode(one).decode() for one in octets]


def _changed(old: dict[str, Any], fields: dict[str, object]) -> dict[str, Any]:
    """``old`` with these values; ``...`` takes a field away."""
    return {name: value for name, value in {**old, **fields}.items() if value is not ...}


def encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode().rstrip("=")


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
