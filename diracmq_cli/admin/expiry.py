"""What will soon keep clients out: CRLs and host certificates that end, CRLs that nobody can use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.credentials import pem
from diracmq_cli.credentials.cadirectory import CaDirectory
from diracmq_cli.credentials.certificate import parse
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.files import read_file
from diracmq_cli.errors import CredentialError, VerificationError

if TYPE_CHECKING:
    from diracmq_cli.admin.authorities import Authorities

SOON = 3 * 86400.0
"""Seconds; CRLs are fetched several times a day, so that one with so little left has not come for days."""


def expiring_crls(directory: Path, authorities: Authorities, *, now: float) -> Iterator[str]:
    """A line for each CA whose CRL is overdue, soon will be, or cannot be read; its clients are or will be refused.

    Args:
        directory: the CA directory.
        authorities: its CAs.
        now: seconds since the epoch.
    """
    readable = CaDirectory(str(directory))
    for dn, name_hash in {authority.dn: authority.file.stem for authority in authorities.trusted}.items():
        try:
            found = list(readable.crls(name_hash))
        except VerificationError as error:
            yield f"the CRL of {dn} cannot be used: {error}"
            continue
        if found:
            yield from _ends(f"the CRL of {dn}", max(crl.next_update for crl in found), now)


def expiring_certificate(path: Path, *, now: float) -> Iterator[str]:
    """A line if that host certificate has ended, soon ends, or cannot be read."""
    try:
        octets = read_file(str(path), "host certificate", "").octets
        certificate = parse((pem.certificates(octets) or [octets])[0])
    except CredentialError as error:
        yield str(error)
    except (pem.PemError, DerError) as error:
        yield f"{path} is no certificate ({error})"
    else:
        yield from _ends(f"the host certificate {path}", certificate.not_after, now)


def _ends(what: str, end: float, now: float) -> Iterator[str]:
    if end - now < SOON:
        when = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%d %H:%M UTC")
        yield f"{what} {'ends' if end > now else 'ended'} on {when}"
