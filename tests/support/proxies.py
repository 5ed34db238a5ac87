"""RFC 3820 proxies from three independent tools, and crooked ones made by hand.

Everything takes paths, so that it works on the devbroker's PKI as on a test's own.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from support.dirac_env import run_dirac

INHERIT_ALL = "1.3.6.1.5.5.7.21.1"
INDEPENDENT = "1.3.6.1.5.5.7.21.2"
LIMITED = "1.3.6.1.4.1.3536.1.1.1.9"
PROXY_CERT_INFO = "1.3.6.1.5.5.7.1.14"

_DIRAC_SNIPPET = """
import sys
from DIRAC.Core.Security.X509Chain import X509Chain
certificate, key, out, lifetime, group, limited = sys.argv[1:]
chain = X509Chain()
for step in (
    chain.loadChainFromFile(certificate),
    chain.loadKeyFromFile(key),
    chain.generateProxyToFile(out, int(lifetime), diracGroup=group or False, limited=bool(limited)),
):
    if not step["OK"]:
        sys.exit(step["Message"])
"""


@dataclass(frozen=True)
class Holder:
    """A credential that proxies can be made from: a user's certificate and key, or a proxy (one file, twice)."""

    certificate: Path
    key: Path

    @classmethod
    def of_proxy(cls, file: Path) -> Holder:
        return cls(file, file)


def by_globus(holder: Holder, out: Path, *options: str) -> Path:
    """``grid-proxy-init``; ``options`` default to an RFC 3820 proxy of 12 hours."""
    _run(
        *("grid-proxy-init", "-q", "-cert", holder.certificate, "-key", holder.key, "-out", out),
        *(options or ("-rfc",)),
    )
    return out


def by_openssl(holder: Holder, out: Path, *, policy: str = INHERIT_ALL, path_length: int | None = None) -> Path:
    """``openssl x509 -req`` with the extension proxyCertInfo, one day long."""
    scratch = out.with_suffix(".scratch")
    request, key, extensions, certificate = (scratch.with_suffix(s) for s in (".csr", ".key", ".ext", ".crt"))
    path = "" if path_length is None else f",pathlen:{path_length}"
    extensions.write_text(
        f"keyUsage=critical,digitalSignature,keyEncipherment\nproxyCertInfo=critical,language:{policy}{path}\n"
    )
    serial = str(secrets.randbits(31))
    below = [*_subject(holder.certificate), x509.RelativeDistinguishedName([_cn(serial)])]
    # -subj cannot write every name, so the request borrows ours.
    _write_request(request, key, x509.Name(below))
    _run(
        *("openssl", "x509", "-req", "-sha256", "-days", "1", "-in", request, "-out", certificate),
        *("-CA", holder.certificate, "-CAkey", holder.key, "-set_serial", serial, "-extfile", extensions),
    )
    return _assemble(out, certificate.read_bytes(), key.read_bytes(), holder)


def by_dirac(
    holder: Holder, out: Path, *, group: str | None = None, limited: bool = False, lifetime: int = 3600
) -> Path:
    """DIRAC's ``X509Chain.generateProxyToFile``; ``lifetime`` in seconds, and may be negative."""
    run_dirac(
        _DIRAC_SNIPPET,
        *(str(holder.certificate), str(holder.key), str(out), str(lifetime), group or "", "yes" if limited else ""),
    )
    return out


def by_hand(
    holder: Holder,
    out: Path,
    *,
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    info: bytes | None = None,
    critical: bool = True,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    signer: Path | None = None,
) -> Path:
    """A proxy with a P-256 key, and with whatever is asked for wrong about it.

    Args:
        holder: who signs it.
        out: the file to write.
        subject: the proxy's name; by default the issuer's and one more CN.
        issuer: the issuer's name in it; by default the holder's.
        not_before: by default five minutes ago.
        not_after: by default in an hour.
        info: contents of proxyCertInfo; by default inheritAll without a path length; empty leaves the extension out.
        critical: of proxyCertInfo.
        extensions: further ones, each with its criticality.
        signer: a PEM private key that is not the holder's.
    """
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    above = x509.Name(_subject(holder.certificate)) if issuer is None else issuer
    usual = x509.Name([*above.rdns, x509.RelativeDistinguishedName([_cn("123456")])])
    builder = (
        x509.CertificateBuilder(
            issuer_name=above,
            subject_name=usual if subject is None else subject,
            public_key=key.public_key(),
            serial_number=7,
        )
        .not_valid_before(not_before or now - timedelta(minutes=5))
        .not_valid_after(not_after or now + timedelta(hours=1))
    )
    info = proxy_info() if info is None else info
    if info:
        oid = x509.ObjectIdentifier(PROXY_CERT_INFO)
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, info), critical=critical)
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    signing_key = serialization.load_pem_private_key((signer or holder.key).read_bytes(), None)
    assert isinstance(signing_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    certificate = builder.sign(signing_key, hashes.SHA256())
    return _assemble(out, certificate.public_bytes(serialization.Encoding.PEM), private_pem(key), holder)


def proxy_info(policy: str = INHERIT_ALL, path_length: int | None = None, extra: bytes = b"") -> bytes:
    """The DER of proxyCertInfo; ``extra`` goes where a policy would."""
    length = b"" if path_length is None else bytes([2, 1, path_length])
    arcs = [int(arc) for arc in policy.split(".")]
    octets = bytes([40 * arcs[0] + arcs[1]]) + b"".join(map(_base128, arcs[2:]))
    return _tlv(0x30, length + _tlv(0x30, _tlv(6, octets) + extra))


def private_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, passphrase: bytes | None = None) -> bytes:
    """A private key in PEM (PKCS 8), encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def write_private(path: Path, octets: bytes) -> Path:
    """Write a file that nobody else can read, as keys and proxies must be."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(octets)
    return path


def _assemble(out: Path, certificate: bytes, key: bytes, holder: Holder) -> Path:
    """Certificate, key, rest of the chain: the order in which every tool writes a proxy."""
    chain = x509.load_pem_x509_certificates(holder.certificate.read_bytes())
    rest = b"".join(above.public_bytes(serialization.Encoding.PEM) for above in chain)
    return write_private(out, certificate + key + rest)


def _subject(file: Path) -> list[x509.RelativeDistinguishedName]:
    return x509.load_pem_x509_certificates(file.read_bytes())[0].subject.rdns


def _cn(value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(NameOID.COMMON_NAME, value)


def _write_request(request: Path, key_file: Path, subject: x509.Name) -> None:
    key = rsa.generate_private_key(65537, 2048)
    signed = x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256())
    request.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    write_private(key_file, private_pem(key))


def _base128(arc: int) -> bytes:
    digits = [arc & 0x7F]
    while arc := arc >> 7:
        digits.append(arc & 0x7F | 0x80)
    return bytes(reversed(digits))


def _tlv(tag: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def _run(*command: str | Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, env=environment
    )
    if done.returncode:
        raise AssertionError(f"{command[0]} failed with {done.returncode}: {done.stdout}{done.stderr}")
