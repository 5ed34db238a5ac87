"""Other people's chains, verified by the CA directory: who signed, and when that chain could sign.

Our rules come first, each with a reason of its own; then OpenSSL judges the same path, so that neither is trusted
alone. Authorities come from the directory only, never from the stamp. A CA without a CRL vouches for nobody: what is
not there cannot say who was revoked. A CA without a signing policy is not narrowed by one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.dn import from_rdns
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import crypto, strength
from diracmq_cli.credentials.cadirectory import Bucket, CaDirectory
from diracmq_cli.credentials.crypto import CryptoError
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.pathcheck import REVOKED, PathCheck, PathRefused, is_crl_of, name_hashes
from diracmq_cli.credentials.signerchain import SignerChain, read_signer_chain
from diracmq_cli.credentials.verifykey import VerifyKey, verify_key
from diracmq_cli.errors import DataError, VerificationError

if TYPE_CHECKING:
    from diracmq_cli.credentials.certificate import Certificate, Name

_LONGEST_ROW = 8
"""Authorities from the one that issues end entities to the root; more than any grid has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedChain:
    """A chain that a CA of the directory stands behind.

    ``dn`` is the end entity's; ``not_before`` and ``not_after`` bound the time in which every certificate up to the
    root is valid (seconds since the epoch, inclusive): whatever it signs outside of it is worth nothing. ``limited``
    is sticky, as in RFC 3820; ``depth`` how many proxies there are.
    """

    dn: str
    limited: bool
    depth: int
    not_before: float
    not_after: float
    key: VerifyKey = field(repr=False)

    def check_time(self, signed_at: float) -> None:
        """See that the chain could sign at that moment (seconds since the epoch).

        Raises:
            VerificationError: it could not yet, or no longer.
        """
        if signed_at < self.not_before:
            raise VerificationError(Refusal.NOT_YET_VALID, "was signed before its certificates began to be valid")
        if signed_at > self.not_after:
            raise VerificationError(Refusal.EXPIRED, "was signed after its certificates had expired")


@dataclass(frozen=True, slots=True)
class _Row:
    """The authorities above one end entity, the issuing one first, and OpenSSL's check against just these."""

    certificates: tuple[Certificate, ...]
    check: PathCheck


class TrustStore:
    """Verifies chains by one CA directory.

    Args:
        directory: hashed CA certificates, CRLs and signing policies, as ``X509_CERT_DIR`` names it.
    """

    def __init__(self, directory: str) -> None:
        self._directory = CaDirectory(directory)
        self._rows: dict[tuple[bytes, ...], _Row] = {}
        self._crls: dict[bytes, tuple[bytes, ...]] = {}
        self._next_update = math.inf
        self._epoch = 0

    def epoch(self, now: float) -> int:
        """A number that changes when earlier answers no longer hold: a file of the directory has changed (seen within
        a second), or one of the CRLs that were used is overdue. ``now`` is in seconds since the epoch."""
        if self._directory.changed(now) or now > self._next_update:
            self._rows.clear()
            self._crls.clear()
            self._next_update = math.inf
            self._epoch += 1
        return self._epoch

    def verify_chain(self, chain: Sequence[bytes], *, now: float) -> VerifiedChain:
        """Verify a chain of DER certificates, the signer's first and the end entity's last.

        The answer says nothing of time: see ``VerifiedChain.check_time``. It holds as long as ``epoch`` stays.

        Raises:
            VerificationError: it breaks a rule, or no CA of the directory stands behind it.
        """
        self.epoch(now)
        signer = read_signer_chain(chain)
        try:
            return self._verify(signer, now)
        except CryptoError as error:
            raise VerificationError(Refusal.CHAIN_INVALID, f"a certificate of the stamp's chain {error}") from None

    def _verify(self, signer: SignerChain, now: float) -> VerifiedChain:
        row = self._row(signer.path.end_entity, now)
        certificates = (*signer.certificates, *row.certificates)
        try:
            row.check.check([certificate.octets for certificate in signer.certificates])
        except PathRefused as error:
            raise VerificationError(
                Refusal.REVOKED if error.code == REVOKED else Refusal.CHAIN_INVALID,
                f"certificate {error.depth + 1} of the path to the CA is refused: {error}",
            ) from None
        key = verify_key(signer.path.leaf.octets, signer.key.type)
        if key is None:
            raise VerificationError(Refusal.KEY_TYPE, "the signer's key is neither RSA nor on the curve P-256")
        return VerifiedChain(
            dn=signer.dn,
            limited=signer.path.limited,
            depth=len(signer.path.proxies),
            not_before=max(certificate.not_before for certificate in certificates),
            not_after=min(certificate.not_after for certificate in certificates),
            key=key,
        )

    def _row(self, end_entity: Certificate, now: float) -> _Row:
        """Walk from an end entity to a root of the directory, by signatures, policies and CRLs.

        Raises:
            VerificationError: there is no such way.
        """
        row: list[Certificate] = []
        crls: list[bytes] = []
        below = end_entity
        while not row or below.subject != below.issuer:
            if len(row) == _LONGEST_ROW:
                raise VerificationError(Refusal.CHAIN_INVALID, "the signer's CA does not lead to a root")
            bucket = self._directory.bucket(name_hashes(below.octets)[1])
            authority = _issuer(bucket, below)
            _check_authority(bucket, authority, below)
            crls += self._crls_of(bucket, authority, now)
            row.append(authority)
            below = authority
        certificates = tuple(certificate.octets for certificate in row)
        if certificates not in self._rows:
            self._rows[certificates] = _Row(tuple(row), PathCheck(certificates, crls))
        return self._rows[certificates]

    def _crls_of(self, bucket: Bucket, authority: Certificate, now: float) -> tuple[bytes, ...]:
        """The CRLs that an authority has signed and that are not overdue; looked for once, as they may be large."""
        if authority.octets in self._crls:
            return self._crls[authority.octets]
        name = _shown(authority.subject)
        if not bucket.crls:
            raise VerificationError(Refusal.NO_CRL, f"the CA directory has no CRL of {name}")
        signed = [crl for crl in bucket.crls if is_crl_of(crl.octets, authority.octets)]
        if not signed:
            raise VerificationError(Refusal.CRL_INVALID, f"the CRL of {name} does not bear its signature")
        current = [crl for crl in signed if crl.next_update >= now]
        if not current:
            raise VerificationError(Refusal.CRL_EXPIRED, f"the CRL of {name} is overdue")
        self._next_update = min(self._next_update, *(crl.next_update for crl in current))
        self._crls[authority.octets] = tuple(crl.octets for crl in current)
        return self._crls[authority.octets]


def _issuer(bucket: Bucket, certificate: Certificate) -> Certificate:
    """The authority whose key signed a certificate; a CA that has renewed its key has several of one name."""
    for authority in bucket.authorities:
        try:
            crypto.check_signature(certificate.octets, authority.octets)
        except CryptoError:
            continue
        return authority
    reason = "none of that name signed it" if bucket.authorities else "the CA directory does not have it"
    raise VerificationError(
        Refusal.UNKNOWN_CA, f"{_shown(certificate.subject)} was issued by {_shown(certificate.issuer)}: {reason}"
    )


def _check_authority(bucket: Bucket, authority: Certificate, below: Certificate) -> None:
    """See that a CA may have issued a certificate: it is a CA, strong, and its signing policy covers the name."""
    name = _shown(authority.subject)
    if not authority.is_ca or (authority.key_usage is not None and not authority.key_usage.key_cert_sign):
        raise VerificationError(Refusal.SIGNED_BY_END_ENTITY, f"{name} in the CA directory is no CA's certificate")
    strength.public_key(authority, name)
    if authority.subject != authority.issuer:  # a root's own signature proves nothing
        strength.check_digest(authority, name)
    if bucket.policy is None or authority.octets == below.octets:
        return
    if not bucket.policy.allows(name, _shown(below.subject)):
        raise VerificationError(
            Refusal.SIGNING_POLICY, f"the signing policy of {name} does not let it certify {_shown(below.subject)}"
        )


def _shown(name: Name) -> str:
    """A name in the one form, for signing policies and errors.

    Raises:
        VerificationError: it has none.
    """
    try:
        return from_rdns(name.text_rdns())
    except (DataError, DerError) as error:
        raise VerificationError(Refusal.NAME, f"a CA's name cannot be used: {error}") from None
