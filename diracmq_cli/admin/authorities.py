"""The bundle of CA certificates that a broker trusts, from a grid CA directory.

Erlang takes whatever stands in its ``cacertfile`` as a trust anchor and tests it for nothing: a user's certificate
there would be a CA, and so would one that has expired. So only current CAs get in, each once.
"""

from __future__ import annotations

import base64
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.core.dn import from_rdns
from diracmq_cli.credentials import pem
from diracmq_cli.credentials.certificate import Certificate, parse
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.files import read_file
from diracmq_cli.errors import ConfigError, CredentialError, DataError

_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA certificate: its DN in the one form, where it was read, itself."""

    dn: str
    file: Path
    certificate: Certificate

    @property
    def pem(self) -> str:
        """The certificate in PEM."""
        body = "\n".join(textwrap.wrap(base64.b64encode(self.certificate.octets).decode(), 64))
        return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"

    @property
    def has_crl(self) -> bool:
        """Whether a CRL lies beside it, under the same hash."""
        return self.file.with_suffix(".r0").exists()


@dataclass(frozen=True, slots=True)
class Authorities:
    """The CAs of a directory, ordered by name; ``left_out`` says which files hold none that can be trusted, and why."""

    trusted: tuple[Authority, ...]
    left_out: tuple[str, ...]

    @property
    def bundle(self) -> str:
        """All of them as one PEM file, each under its name; the same directory gives the same text."""
        return "\n".join(f"# {authority.dn}\n{authority.pem}" for authority in self.trusted)

    @property
    def without_crl(self) -> tuple[str, ...]:
        """The names of those that have no CRL: where one is required, all whom they certified are refused."""
        return tuple(dict.fromkeys(authority.dn for authority in self.trusted if not authority.has_crl))


def read_authorities(directory: Path, *, now: float) -> Authorities:
    """Read the CAs of a directory as the grid has it: ``<hash>.0`` and so on, links or files.

    Args:
        directory: as ``X509_CERT_DIR`` names it.
        now: seconds since the epoch; a CA that is not valid at this time is left out.

    Raises:
        ConfigError: there is no such directory, or no CA in it.
    """
    try:
        files = sorted(path for path in directory.iterdir() if _HASHED.fullmatch(path.name))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"cannot read the CA directory {directory}: {reason}", hint="name it with --ca-dir"
        ) from error
    trusted: dict[bytes, Authority] = {}
    left_out: list[str] = []
    for file in files:
        try:
            for authority in _authorities(file, now):
                trusted.setdefault(authority.certificate.octets, authority)
        except (_Unfit, CredentialError, pem.PemError, DerError) as error:
            left_out.append(f"{file} is left out: {error}")
    if not trusted:
        raise ConfigError(
            f"{directory} holds no CA certificate under the hash of its name (<hash>.0)",
            hint="openssl rehash makes the links; IGTF's packages bring them",
        )
    ordered = sorted(trusted.values(), key=lambda authority: (authority.dn, authority.certificate.octets))
    return Authorities(tuple(ordered), tuple(left_out))


class _Unfit(Exception):
    """A certificate that must not be a trust anchor."""


def _authorities(file: Path, now: float) -> Iterator[Authority]:
    octets = read_file(str(file), "certificate authority", "").octets
    for der in pem.certificates(octets) or [octets]:
        certificate = parse(der)
        dn = _shown(certificate, file)
        usage = certificate.key_usage
        if not certificate.is_ca or (usage is not None and not usage.key_cert_sign):
            raise _Unfit(f"{dn} is no CA")
        if not certificate.not_before <= now <= certificate.not_after:
            raise _Unfit(f"{dn} is {'not yet' if now < certificate.not_before else 'no longer'} valid")
        yield Authority(dn, file, certificate)


def _shown(certificate: Certificate, file: Path) -> str:
    """The CA's name; one that has no one-line form may be a CA for all that."""
    try:
        return from_rdns(certificate.subject.text_rdns())
    except (DataError, DerError):
        return f"the CA in {file.name}"
