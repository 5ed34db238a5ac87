"""The CA bundle: current CAs and nothing else, each once, in one order."""

from __future__ import annotations

import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from diracmq_cli.admin.authorities import Authorities, read_authorities
from diracmq_cli.errors import ConfigError

NOW = time.time()


def put(directory: Path, name: str, *, ca: bool = True, days: tuple[int, int] = (-1, 100), rdns: int = 1) -> Path:
    """A self-signed certificate ``/CN=name`` as ``name.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if rdns > 1:
        names.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "x"))
    subject = x509.Name([x509.RelativeDistinguishedName(names)])
    start, end = (datetime.now(UTC) + timedelta(days=each) for each in days)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), start, end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = directory / f"{name}.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return file


def read(directory: Path) -> Authorities:
    subprocess.run(["openssl", "rehash", str(directory)], check=True, capture_output=True)
    return read_authorities(directory, now=NOW)


def test_only_current_cas(tmp_path):
    """Erlang would take a user's certificate, or an expired CA, for an anchor; each that is left out is named."""
    put(tmp_path, "good")
    put(tmp_path, "user", ca=False)
    put(tmp_path, "old", days=(-100, -1))
    put(tmp_path, "young", days=(1, 100))
    found = read(tmp_path)
    assert [authority.dn for authority in found.trusted] == ["/CN=good"]
    reasons = sorted(text.partition("left out: ")[2] for text in found.left_out)
    assert reasons == ["/CN=old is no longer valid", "/CN=user is no CA", "/CN=young is not yet valid"]


def test_one_order_and_each_once(tmp_path):
    """A CA under two hashes (OpenSSL's old and new) is there once, and the order is by name."""
    for name in ("b", "a"):
        put(tmp_path, name)
    found = read(tmp_path)
    links = sorted(tmp_path.glob("*.0"))
    (tmp_path / "00000000.0").symlink_to(links[0].readlink())
    again = read_authorities(tmp_path, now=NOW)
    assert found.bundle == again.bundle
    assert [line for line in found.bundle.splitlines() if line.startswith("#")] == ["# /CN=a", "# /CN=b"]


def test_openssl_and_erlang_read_it(tmp_path):
    """The bundle is what both take for a file of certificates, comments and all."""
    for name in ("a", "b"):
        put(tmp_path, name)
    bundle = tmp_path / "ca.pem"
    bundle.write_text(read(tmp_path).bundle)
    program = f'{{ok, T}} = file:read_file("{bundle}"), io:format("~b", [length(public_key:pem_decode(T))]), halt().'
    done = subprocess.run(["erl", "-noshell", "-eval", program], capture_output=True, text=True, timeout=30)
    assert done.stdout == "2"
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", str(bundle), str(tmp_path / "b.pem")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_name_without_a_one_line_form_is_no_obstacle(tmp_path):
    """A CA's own name is nobody's login."""
    put(tmp_path, "odd", rdns=2)
    (authority,) = read(tmp_path).trusted
    assert authority.dn == f"the CA in {authority.file.name}"


def test_a_broken_file_is_named(tmp_path):
    """One file that holds no certificate does not take the others away."""
    put(tmp_path, "good")
    (tmp_path / "12345678.0").write_text("nonsense")
    found = read(tmp_path)
    assert [authority.dn for authority in found.trusted] == ["/CN=good"]
    assert any("12345678.0 is left out" in text for text in found.left_out)


def test_crls(tmp_path):
    """A CA without a CRL is known, for where one is required nobody of it gets in."""
    put(tmp_path, "with")
    put(tmp_path, "without")
    found = read(tmp_path)
    file = next(authority.file for authority in found.trusted if authority.dn == "/CN=with")
    file.with_suffix(".r0").touch()
    assert read_authorities(tmp_path, now=NOW).without_crl == ("/CN=without",)


@pytest.mark.parametrize("exists", [True, False])
def test_no_cas_at_all(tmp_path, exists):
    """An empty bundle would refuse everybody, and a missing directory is a typo."""
    directory = tmp_path if exists else tmp_path / "missing"
    with pytest.raises(ConfigError, match="holds no CA certificate" if exists else "no such file or directory"):
        read_authorities(directory, now=NOW)
