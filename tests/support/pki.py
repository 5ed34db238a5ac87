"""A small PKI in files: one CA in a hashed directory, which issues user and host certificates."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.proxies import Holder, private_pem, write_private

_PEM = serialization.Encoding.PEM
_USAGE = {
    "digital_signature": True,
    "content_commitment": False,
    "key_encipherment": True,
    "data_encipherment": False,
    "key_agreement": False,
    "key_cert_sign": False,
    "crl_sign": False,
    "encipher_only": False,
    "decipher_only": False,
}


@dataclass(frozen=True)
class PKI:
    """One CA and its key; ``ca_directory`` is hashed, ``directory`` holds what is issued."""

    directory: Path
    ca_directory: Path
    ca: x509.Certificate
    ca_key: rsa.RSAPrivateKey

    def issue(
        self,
        name: str,
        subject: x509.Name,
        *,
        life: tuple[datetime, datetime] | None = None,
        passphrase: bytes | None = None,
        **usage: bool,
    ) -> Holder:
        """A certificate of this CA and its key, as ``<name>.cert.pem`` and ``<name>.key.pem``."""
        now = datetime.now(UTC)
        start, end = life or (now - timedelta(days=1), now + timedelta(days=300))
        key = rsa.generate_private_key(65537, 2048)
        certificate = (
            x509.CertificateBuilder(self.ca.subject, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(end)
            .add_extension(x509.KeyUsage(**{**_USAGE, **usage}), critical=True)
            .sign(self.ca_key, hashes.SHA256())
        )
        file = self.directory / f"{name}.cert.pem"
        file.write_bytes(certificate.public_bytes(_PEM))
        return Holder(file, write_private(self.directory / f"{name}.key.pem", private_pem(key, passphrase)))


def distinguished(*parts: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """``/DC=org/DC=example`` and then ``parts``."""
    domain = [(NameOID.DOMAIN_COMPONENT, "org"), (NameOID.DOMAIN_COMPONENT, "example")]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in (*domain, *parts)])


def make_pki(directory: Path) -> PKI:
    """Make a CA, ``directory/certificates`` being its hashed directory."""
    certificates = directory / "certificates"
    certificates.mkdir()
    key = rsa.generate_private_key(65537, 2048)
    name = distinguished((NameOID.COMMON_NAME, "Test CA"))
    now = datetime.now(UTC)
    ca = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (certificates / "ca.pem").write_bytes(ca.public_bytes(_PEM))
    subprocess.run(["openssl", "rehash", str(certificates)], check=True)
    return PKI(directory, certificates, ca, key)
