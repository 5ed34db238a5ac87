"""TLS contexts verify always, present the whole proxy chain, and ask for a passphrase at most once."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID
from support.pki import PKI, distinguished, make_pki
from support.proxies import Holder, by_globus, by_hand, private_pem, write_private

from diracmq_cli.core.identity import CredentialKind, Identity
from diracmq_cli.credentials import AskOnce, CredentialFiles, read_identity, tls_context
from diracmq_cli.errors import CredentialError

JANE = "/DC=org/DC=example/CN=Jane Doe"


def read(holder: Holder, passphrase: Callable[[str], str] | None = None) -> Identity:
    files = CredentialFiles(str(holder.certificate), str(holder.key), CredentialKind.USER_CERTIFICATE)
    return read_identity(files, now=time.time(), passphrase=passphrase)


def by_openssl_server(pki: PKI, context: ssl.SSLContext, host: str, *, tls: str = "-tls1_3") -> tuple[bytes, bytes]:
    """Dial an ``openssl s_server`` that knows proxies and sends each line back reversed.

    Returns what it sent and what it printed about our chain.
    """
    server = pki.issue("server", distinguished((NameOID.COMMON_NAME, "localhost")))
    command = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-rev", tls]
    command += ["-cert", str(server.certificate), "-key", str(server.key)]
    command += ["-CApath", str(pki.ca_directory), "-Verify", "15", "-allow_proxy_certs"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        try:
            port = next(int(line.rpartition(b":")[2]) for line in process.stdout if line.startswith(b"ACCEPT"))
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
                context.wrap_socket(plain, server_hostname=host) as connection,
            ):
                connection.sendall(b"hello\n")
                reply = connection.recv(100)
            return reply, process.communicate(timeout=10)[0]
        finally:
            process.kill()


def test_settings(pki: PKI) -> None:
    """TLS 1.2 or newer, host name and certificate always checked, no CA loaded beforehand, none of the system's."""
    context = tls_context(None, str(pki.ca_directory))

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.cert_store_stats() == {"x509": 0, "crl": 0, "x509_ca": 0}


@pytest.mark.parametrize("tls", ["-tls1_2", "-tls1_3"])
def test_proxy_of_a_proxy_is_presented(tls: str, pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """A server that knows proxies sees the whole chain, down to a proxy of a proxy, and verifies it."""
    first = by_globus(jane, tmp_path / "first")
    second = by_hand(Holder.of_proxy(first), tmp_path / "second")

    identity = read(Holder.of_proxy(second))
    reply, printed = by_openssl_server(pki, tls_context(identity, str(pki.ca_directory)), "localhost", tls=tls)

    assert reply == b"olleh\n"
    assert b"depth=2 DC = org, DC = example, CN = Jane Doe\nverify return:1\ndepth=1 " in printed
    assert b"verify error" not in printed


def test_wrong_host_name(pki: PKI) -> None:
    """A server with a good certificate for another name is refused."""
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        by_openssl_server(pki, tls_context(None, str(pki.ca_directory)), "mq.example.org")


def test_other_ca(pki: PKI, tmp_path: Path) -> None:
    """A server whose CA is not in the directory is refused, even if one of the same name is."""
    other = make_pki(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate verify failed"):
        by_openssl_server(pki, tls_context(None, str(other.ca_directory)), "localhost")


def test_passphrase_is_asked_for_once(pki: PKI) -> None:
    """Reading the credential and two contexts share one answer; the prompt names the key."""
    holder = pki.issue("locked", distinguished((NameOID.COMMON_NAME, "Locked")), passphrase="grün".encode())
    prompts = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "grün"

    once = AskOnce(ask)
    identity = read(holder, once)
    for _ in range(2):
        tls_context(identity, str(pki.ca_directory), passphrase=once)

    assert identity.encrypted_key
    assert prompts == [f"Passphrase of {holder.key}: "]


def test_traditional_encryption(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """Keys encrypted the old way (RFC 1421 headers), as ~/.globus/userkey.pem often is, open too."""
    key = tmp_path / "userkey.pem"
    command = ["openssl", "rsa", "-in", str(jane.key), "-out", str(key), "-traditional", "-aes128", "-passout"]
    subprocess.run([*command, "pass:open"], check=True, capture_output=True)
    key.chmod(0o400)
    assert b"Proc-Type: 4,ENCRYPTED" in key.read_bytes()

    identity = read(Holder(jane.certificate, key), lambda _: "open")

    assert (identity.dn, identity.encrypted_key) == (JANE, True)
    with pytest.raises(CredentialError) as caught:
        read(Holder(jane.certificate, key), lambda _: "sesame")
    assert str(caught.value) == f"key {key} of {JANE} does not open with that passphrase"


@pytest.mark.parametrize("typed", ["wrong", "", "x" * 5000])
def test_wrong_passphrase(typed: str, pki: PKI) -> None:
    """A wrong passphrase is said to be that, and is not shown."""
    holder = pki.issue("locked2", distinguished((NameOID.COMMON_NAME, "Locked")), passphrase=b"right")
    with pytest.raises(CredentialError) as caught:
        read(holder, lambda _: typed)
    assert str(caught.value) == f"key {holder.key} of /DC=org/DC=example/CN=Locked does not open with that passphrase"


def test_nobody_to_ask(pki: PKI) -> None:
    """Without a terminal an encrypted key is refused, at once and with a way out."""
    holder = pki.issue("locked3", distinguished((NameOID.COMMON_NAME, "Locked")), passphrase=b"right")
    with pytest.raises(CredentialError) as caught:
        read(holder)
    assert str(caught.value) == (
        f"key {holder.key} of /DC=org/DC=example/CN=Locked is encrypted, "
        "and there is no terminal to ask for its passphrase"
    )
    assert caught.value.hint == "make a new proxy: dirac-proxy-init"


def test_openssl_never_asks_by_itself(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """A key that became encrypted after it was read is refused, not asked for by OpenSSL on the terminal."""
    key = write_private(tmp_path / "key", jane.key.read_bytes())
    identity = read(Holder(jane.certificate, key))
    plain = load_pem_private_key(jane.key.read_bytes(), None)
    assert isinstance(plain, rsa.RSAPrivateKey)
    write_private(key, private_pem(plain, b"secret"))

    with pytest.raises(CredentialError, match="there is no terminal to ask"):
        tls_context(identity, str(pki.ca_directory))


def test_changed_meanwhile(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """A credential that was replaced or removed after it was read is a credential error, not a traceback."""
    key = write_private(tmp_path / "key", jane.key.read_bytes())
    identity = read(Holder(jane.certificate, key))
    write_private(key, private_pem(rsa.generate_private_key(65537, 2048)))
    with pytest.raises(CredentialError) as caught:
        tls_context(identity, str(pki.ca_directory))
    assert str(caught.value) == (
        f"user certificate {jane.certificate} of {JANE} cannot be used for TLS: "
        "its certificate and key do not fit; was it renewed just now"
    )
    with pytest.raises(CredentialError, match="cannot be used for TLS: no such file or directory"):
        tls_context(replace(identity, key_file=str(tmp_path / "gone")), str(pki.ca_directory))


def test_short_key(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """A proxy with a key of 1024 bits, which OpenSSL does not use at its usual level, is refused with that reason."""
    file = by_globus(jane, tmp_path / "proxy", "-rfc", "-bits", "1024")
    with pytest.raises(CredentialError) as caught:
        tls_context(read(Holder.of_proxy(file)), str(pki.ca_directory))
    assert str(caught.value) == (
        f"proxy {file} of {JANE} cannot be used for TLS: its key is shorter than OpenSSL's security level allows"
    )


def test_only_what_is_needed_is_imported(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """Looking for a credential loads nothing of M2Crypto, and reading one its lower layer alone."""
    file = by_globus(jane, tmp_path / "proxy")
    program = f"""
import sys, time
from diracmq_cli.core.identity import CredentialRequest, CredentialSettings
from diracmq_cli.credentials import locate, read_identity, tls_context
files = locate(CredentialRequest(proxy={str(file)!r}), CredentialSettings(), {{}}, 0)
assert not [name for name in sys.modules if name.startswith("M2Crypto") or name == "ssl"]
tls_context(read_identity(files, now=time.time()), {str(pki.ca_directory)!r})
print(sorted(name for name in sys.modules if name.startswith("M2Crypto.")), "unittest" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    loaded = "['M2Crypto._m2crypto', 'M2Crypto.m2', 'M2Crypto.m2crypto'] False\n"
    assert (done.stdout, done.stderr, done.returncode) == (loaded, "", 0)
