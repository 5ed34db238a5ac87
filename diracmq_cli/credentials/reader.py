"""Read a credential into an Identity, refusing at once whatever a broker would refuse later and less clearly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from diracmq_cli.core.dn import check_login, from_rdns
from diracmq_cli.core.identity import CredentialKind, Identity
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.credentials import certificate as x509
from diracmq_cli.credentials import crypto, pem
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.files import CredentialFiles, SmallFile, read_file, remedy
from diracmq_cli.credentials.passphrase import Passphrase, obtain
from diracmq_cli.credentials.rfc3820 import PROXY_CERT_INFO, Fault, PathError, ProxyPath, proxy_path
from diracmq_cli.errors import CredentialError, DataError

if TYPE_CHECKING:
    from diracmq_cli.credentials.certificate import Certificate

_RENEW = "renew the certificate with its certificate authority"
_OLD_PROXY = "make an RFC 3820 proxy: dirac-proxy-init, or grid-proxy-init -rfc"


def read_identity(files: CredentialFiles, *, now: float | None, passphrase: Passphrase | None = None) -> Identity:
    """Read a credential and check all of it that can be checked without the CAs.

    Args:
        files: where it is.
        now: seconds since the epoch; None leaves out whether it has ended: that tells whose it is, and no more.
        passphrase: asks for the passphrase of an encrypted key; None where there is no terminal.

    Raises:
        CredentialError: missing, unreadable, malformed, against the rules of RFC 3820, expired, not yet valid, not
            signed by its issuer, its key open to others or not fitting; names the file and, once it is known, the DN.
    """
    file = read_file(files.certificate, files.kind, remedy(files.kind))
    chain = _certificates(files, file)
    subject = _Subject(files, _owner(files, chain))
    path = _path(subject, chain)
    in_use = _in_use(path)
    if now is not None:
        _check_life(subject, path, in_use, now)
    _check_signatures(subject, path)
    encrypted = _check_key(subject, path.leaf, file, passphrase)
    return Identity(
        dn=subject.dn,
        kind=_kind(files, path),
        certificate_file=files.certificate,
        key_file=files.key,
        not_before=max(certificate.not_before for certificate in in_use),
        not_after=min(certificate.not_after for certificate in in_use),
        limited=path.limited,
        proxy_depth=len(path.proxies),
        path_length=path.path_length,
        group=_group(subject, path),
        encrypted_key=encrypted,
    )


@dataclass(frozen=True, slots=True)
class _Subject:
    """What the errors are about: these files, and whose they are as far as is known (else an empty string)."""

    files: CredentialFiles
    dn: str

    def refuse(self, fault: str, hint: str | None = None) -> CredentialError:
        """An error about the certificates."""
        return _refusal(self.files.kind, self.files.certificate, self.dn, fault, hint or remedy(self.files.kind))

    def refuse_key(self, fault: str, hint: str | None = None) -> CredentialError:
        """An error about the private key."""
        kind = self.files.kind if self.files.key == self.files.certificate else "key"
        return _refusal(kind, self.files.key, self.dn, fault, hint or remedy(self.files.kind))


def _refusal(what: str, file: str, dn: str, fault: str, hint: str) -> CredentialError:
    whose = f" of {dn}" if dn else ""
    return CredentialError(f"{what} {file}{whose} {fault}", hint=hint)


def _certificates(files: CredentialFiles, file: SmallFile) -> list[Certificate]:
    unknown = _Subject(files, "")
    try:
        blocks = pem.certificates(file.octets)
    except pem.PemError as error:
        raise unknown.refuse(f"is damaged: {error}") from error
    if not blocks:
        raise unknown.refuse("holds no certificate")
    chain = []
    for number, block in enumerate(blocks, 1):
        try:
            chain.append(x509.parse(block))
        except DerError as error:
            raise unknown.refuse(f"is damaged: certificate {number} cannot be read ({error})") from error
    return chain


def _owner(files: CredentialFiles, chain: Sequence[Certificate]) -> str:
    """The DN of the end entity: the first certificate that is no proxy, or an empty string if all are."""
    for certificate in chain:
        if PROXY_CERT_INFO not in certificate.extensions:
            try:
                return check_login(from_rdns(certificate.subject.text_rdns()))
            except (DataError, DerError) as error:
                raise _Subject(files, "").refuse(f"cannot be used: {error}", _RENEW) from error
    return ""


def _path(subject: _Subject, chain: Sequence[Certificate]) -> ProxyPath:
    try:
        return proxy_path(chain)
    except PathError as error:
        number = next(n for n, certificate in enumerate(chain, 1) if certificate is error.certificate)
        hint = _OLD_PROXY if error.fault in (Fault.LEGACY, Fault.SIGNED_BY_END_ENTITY) else None
        raise subject.refuse(f"is not usable: its certificate {number} {error}", hint) from error


def _in_use(path: ProxyPath) -> list[Certificate]:
    """The certificates whose life bounds the credential's: the path, and the CAs in the file that continue it."""
    used = [*path.proxies, path.end_entity]
    for certificate in path.above:
        if certificate.subject == used[-1].issuer:
            used.append(certificate)
    return used


def _check_life(subject: _Subject, path: ProxyPath, in_use: Sequence[Certificate], now: float) -> None:
    first_dead = min(in_use, key=lambda certificate: certificate.not_after)
    if now > first_dead.not_after:
        ago = format_duration(now - first_dead.not_after)
        hint = None if first_dead in path.proxies else _RENEW
        raise subject.refuse(f"expired {ago} ago, at {_date(first_dead.not_after)}", hint)
    not_before = max(certificate.not_before for certificate in in_use)
    if now < not_before:
        early = format_duration(not_before - now)
        raise subject.refuse(
            f"is not valid before {_date(not_before)}, {early} from now", "is this machine's clock right? date -u"
        )


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _check_signatures(subject: _Subject, path: ProxyPath) -> None:
    """Check each proxy's signature; the end entity's is the CA's, which is the broker's to judge."""
    for number, (proxy, issuer) in enumerate(pairwise([*path.proxies, path.end_entity]), 1):
        try:
            crypto.check_signature(proxy.octets, issuer.octets)
        except crypto.CryptoError as error:
            raise subject.refuse(f"has been tampered with or damaged: its certificate {number} {error}") from error


def _check_key(subject: _Subject, leaf: Certificate, file: SmallFile, passphrase: Passphrase | None) -> bool:
    """Check that the key is ours alone and the leaf's; returns whether it is encrypted."""
    files = subject.files
    if files.key != files.certificate:
        file = read_file(files.key, f"key of {subject.dn}", remedy(files.kind))
    if file.open_to_others:
        raise subject.refuse_key(f"is open to others (mode {file.mode:04o})", f"chmod 600 {files.key}")
    block = pem.private_key(file.octets)
    if block is None:
        raise subject.refuse_key("holds no private key")
    typed = obtain(files.key, subject.dn, passphrase).encode() if block.encrypted else None
    try:
        fits = crypto.public_key_of(block.octets, typed) == crypto.public_key(leaf.octets)
    except crypto.PassphraseError as error:
        raise subject.refuse_key(str(error)) from error
    except crypto.CryptoError as error:
        raise subject.refuse_key(f"is damaged: a key or certificate {error}") from error
    if not fits:
        raise subject.refuse_key(f"does not fit: {_other(files)} is not this private key's")
    return block.encrypted


def _other(files: CredentialFiles) -> str:
    return "its first certificate" if files.key == files.certificate else f"certificate {files.certificate}"


def _kind(files: CredentialFiles, path: ProxyPath) -> CredentialKind:
    """What it is, which may not be what its place made us expect."""
    if path.proxies:
        return CredentialKind.PROXY
    if files.kind is CredentialKind.PROXY:
        return CredentialKind.USER_CERTIFICATE
    return files.kind


def _group(subject: _Subject, path: ProxyPath) -> str | None:
    try:
        return path.group
    except DerError as error:
        raise subject.refuse(f"names a DIRAC group that cannot be read ({error})") from error
