"""The chain of somebody else's signature, from the signer up to the end entity, by the rules; no CA is asked yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from diracmq_cli.core.dn import check_login, from_rdns
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import certificate as x509
from diracmq_cli.credentials import crypto, der, strength
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.rfc3820 import PROXY_CERT_INFO, Fault, PathError, ProxyPath, proxy_path
from diracmq_cli.errors import DataError, VerificationError

if TYPE_CHECKING:
    from diracmq_cli.credentials.certificate import Certificate
    from diracmq_cli.credentials.strength import PublicKey

_EXTENDED_KEY_USAGE = "2.5.29.37"
_FOR_CLIENTS = frozenset({"1.3.6.1.5.5.7.3.2", "2.5.29.37.0"})
"""clientAuth and anyExtendedKeyUsage: what the broker, too, asks of a certificate that says what it is for."""

_REFUSALS = {
    Fault.EMPTY: Refusal.CHAIN_FORM,
    Fault.CA_CERTIFICATE: Refusal.CA_AS_SIGNER,
    Fault.NO_DIGITAL_SIGNATURE: Refusal.KEY_USAGE,
    Fault.KEY_CERT_SIGN: Refusal.KEY_USAGE,
    Fault.SIGNED_BY_END_ENTITY: Refusal.SIGNED_BY_END_ENTITY,
    Fault.LEGACY: Refusal.LEGACY_PROXY,
    Fault.ISSUER_MISSING: Refusal.CHAIN_ORDER,
    Fault.TOO_DEEP: Refusal.CHAIN_TOO_LONG,
    Fault.PROXY_IS_CA: Refusal.PROXY_FORM,
    Fault.NOT_CRITICAL: Refusal.PROXY_FORM,
    Fault.MALFORMED: Refusal.PROXY_FORM,
    Fault.SUBJECT: Refusal.PROXY_SUBJECT,
    Fault.ALTERNATIVE_NAME: Refusal.PROXY_FORM,
    Fault.INDEPENDENT: Refusal.PROXY_INDEPENDENT,
    Fault.POLICY: Refusal.PROXY_POLICY,
    Fault.PATH_LENGTH: Refusal.PATH_LENGTH,
}


@dataclass(frozen=True, slots=True)
class SignerChain:
    """A chain that keeps the rules: its path, the end entity's DN in the one form, the signer's key."""

    path: ProxyPath
    dn: str
    key: PublicKey

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All of it, the signer's first, the end entity's last."""
        return (*self.path.proxies, self.path.end_entity)


def read_signer_chain(chain: Sequence[bytes]) -> SignerChain:
    """Read a chain of DER certificates, the signer's first and the end entity's last, and hold it to the rules.

    Those of RFC 3820 (``rfc3820``), and besides: nothing after the end entity, no full proxy below a limited one, no
    certificate for servers only, no weak key or digest, each proxy signed by the next, and a name that has a one-line
    form.

    Raises:
        VerificationError: a rule is broken; the reason says which.
    """
    certificates = [_read(number, octets) for number, octets in enumerate(chain, 1)]
    path = _path(certificates)
    for number, certificate in enumerate(certificates, 1):
        _check_purpose(certificate, number)
        strength.check_digest(certificate, _called(number))
    keys = [strength.public_key(certificate, _called(number)) for number, certificate in enumerate(certificates, 1)]
    for number, (proxy, issuer) in enumerate(pairwise(certificates), 1):
        try:
            crypto.check_signature(proxy.octets, issuer.octets)
        except crypto.CryptoError as error:
            raise VerificationError(Refusal.CHAIN_SIGNATURE, f"{_called(number)} {error}") from None
    return SignerChain(path, _dn(path.end_entity), keys[0])


def _read(number: int, octets: bytes) -> Certificate:
    try:
        return x509.parse(octets)
    except DerError as error:
        raise VerificationError(Refusal.CERTIFICATE, f"{_called(number)} cannot be read ({error})") from None


def _path(certificates: list[Certificate]) -> ProxyPath:
    if certificates and all(PROXY_CERT_INFO in certificate.extensions for certificate in certificates):
        raise VerificationError(Refusal.CHAIN_INCOMPLETE, "the stamp's chain does not reach an end entity")
    try:
        path = proxy_path(certificates)
    except PathError as error:
        number = next((n for n, one in enumerate(certificates, 1) if one is error.certificate), 1)
        raise VerificationError(_REFUSALS[error.fault], f"{_called(number)} {error}") from None
    if path.above:
        number = len(certificates) - len(path.above) + 1
        if PROXY_CERT_INFO in path.above[0].extensions:
            raise VerificationError(Refusal.CHAIN_ORDER, f"{_called(number)} is a proxy that follows its end entity")
        raise VerificationError(Refusal.CHAIN_PADDED, f"{_called(number)} follows the end entity, where the chain ends")
    if path.widened:
        raise VerificationError(Refusal.PROXY_WIDENED, "the stamp's chain has a full proxy below a limited one")
    return path


def _check_purpose(certificate: Certificate, number: int) -> None:
    extension = certificate.extensions.get(_EXTENDED_KEY_USAGE)
    if extension is None:
        return
    try:
        purposes = {der.oid(purpose) for purpose in der.read_one(extension.value).expect(der.SEQUENCE).children()}
    except DerError as error:
        raise VerificationError(Refusal.CERTIFICATE, f"{_called(number)} cannot be read ({error})") from None
    if not purposes & _FOR_CLIENTS:
        raise VerificationError(Refusal.KEY_USAGE, f"{_called(number)} is not for clients (its extendedKeyUsage)")


def _dn(end_entity: Certificate) -> str:
    try:
        return check_login(from_rdns(end_entity.subject.text_rdns()))
    except (DataError, DerError) as error:
        raise VerificationError(Refusal.NAME, f"the signer's name cannot be used: {error}") from None


def _called(number: int) -> str:
    return f"certificate {number} of the stamp's chain"
