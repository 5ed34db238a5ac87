"""What no broker would take is refused before dialling: one sentence naming file and person, and what helps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.pki import PKI, distinguished
from support.proxies import (
    INDEPENDENT,
    Holder,
    by_dirac,
    by_globus,
    by_hand,
    by_openssl,
    private_pem,
    proxy_info,
    write_private,
)

from diracmq_cli.core.identity import CredentialKind, Identity
from diracmq_cli.credentials import CredentialFiles, read_identity
from diracmq_cli.errors import CredentialError, ExitStatus

JANE = "/DC=org/DC=example/CN=Jane Doe"
NEW_PROXY = "make a new proxy: dirac-proxy-init"
RFC_PROXY = "make an RFC 3820 proxy: dirac-proxy-init, or grid-proxy-init -rfc"
RENEW = "renew the certificate with its certificate authority"


def read(certificate: Path, key: Path | None = None, *, kind: CredentialKind | None = None) -> Identity:
    expected = kind or (CredentialKind.USER_CERTIFICATE if key else CredentialKind.PROXY)
    return read_identity(CredentialFiles(str(certificate), str(key or certificate), expected), now=time.time())


def refusal(certificate: Path, key: Path | None = None) -> tuple[str, str | None]:
    with pytest.raises(CredentialError) as caught:
        read(certificate, key)
    assert caught.value.exit_status is ExitStatus.NO_PERMISSION
    return str(caught.value), caught.value.hint


# ---- the file -------------------------------------------------------------------------------------------------------


def test_missing(tmp_path: Path) -> None:
    """A file that vanished after it was located is named."""
    assert refusal(tmp_path / "no") == (f"proxy: {tmp_path}/no does not exist", NEW_PROXY)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_not_a_file(make: Callable[[Path], None], tmp_path: Path) -> None:
    """A directory or a FIFO (which would block an ordinary open for ever) is refused."""
    make(tmp_path / "odd")
    assert refusal(tmp_path / "odd")[0].startswith(f"proxy: {tmp_path}/odd is not a regular file")


def test_unreadable(jane: Holder, tmp_path: Path) -> None:
    """A file that we may not read is refused with the system's reason."""
    file = by_globus(jane, tmp_path / "proxy")
    file.chmod(0)
    with unprivileged():
        assert refusal(file)[0] == f"proxy: {file} cannot be read (permission denied)"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while if we are root, whom no permission stops."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_path_through_a_file(jane: Holder) -> None:
    """A path that leads through a file cannot be read, with the system's reason."""
    assert refusal(jane.certificate / "x")[0] == f"proxy: {jane.certificate}/x cannot be read (not a directory)"


def test_huge(tmp_path: Path) -> None:
    """What is larger than any credential is not even read to its end."""
    file = write_private(tmp_path / "huge", bytes(2 << 20))
    assert refusal(file)[0] == f"proxy: {file} is larger than any credential (over 1 MiB)"


@pytest.mark.parametrize("content", [b"", b"hello\n", b"\x00\xff" * 100])
def test_no_pem(content: bytes, tmp_path: Path) -> None:
    """A file without a certificate is refused as such."""
    file = write_private(tmp_path / "text", content)
    assert refusal(file) == (f"proxy {file} holds no certificate", NEW_PROXY)


def test_not_base64(jane: Holder, tmp_path: Path) -> None:
    """A certificate whose base64 is damaged is refused with its number."""
    octets = by_globus(jane, tmp_path / "proxy").read_bytes().replace(b"\nMII", b"\n!II", 1)
    file = write_private(tmp_path / "damaged", octets)
    assert refusal(file) == (f"proxy {file} is damaged: certificate 1 is not base64", NEW_PROXY)


def test_not_der(tmp_path: Path) -> None:
    """A certificate that is base64 of something else is refused with its number."""
    file = write_private(tmp_path / "odd", b"-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")
    assert refusal(file)[0].startswith(f"proxy {file} is damaged: certificate 1 cannot be read (")


# ---- the key --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o610])
def test_key_open_to_others(mode: int, jane: Holder, tmp_path: Path) -> None:
    """A proxy that others may touch is refused, whatever they may do."""
    file = by_globus(jane, tmp_path / "proxy")
    file.chmod(mode)
    assert refusal(file) == (f"proxy {file} of {JANE} is open to others (mode {mode:04o})", f"chmod 600 {file}")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_key_that_is_ours_alone(mode: int, jane: Holder, tmp_path: Path) -> None:
    """0600 and 0400 are what grid tools write; a user certificate itself may be public."""
    key = write_private(tmp_path / "key", jane.key.read_bytes())
    key.chmod(mode)
    jane.certificate.chmod(0o644)
    assert read(jane.certificate, key).kind is CredentialKind.USER_CERTIFICATE


def test_separate_key_open_to_others(jane: Holder, tmp_path: Path) -> None:
    """A separate key file is named itself."""
    key = write_private(tmp_path / "key", jane.key.read_bytes())
    key.chmod(0o644)
    assert refusal(jane.certificate, key) == (f"key {key} of {JANE} is open to others (mode 0644)", f"chmod 600 {key}")


def test_missing_key(jane: Holder, tmp_path: Path) -> None:
    """A key file that is not there is named, and so is the person."""
    assert refusal(jane.certificate, tmp_path / "no")[0] == f"key of {JANE}: {tmp_path}/no does not exist"


def test_no_key(jane: Holder, tmp_path: Path) -> None:
    """A proxy file without a key, and a key file without one, are refused."""
    bare = write_private(tmp_path / "bare", jane.certificate.read_bytes())
    assert refusal(bare)[0] == f"proxy {bare} of {JANE} holds no private key"
    assert refusal(jane.certificate, bare)[0] == f"key {bare} of {JANE} holds no private key"


def test_damaged_key(jane: Holder, tmp_path: Path) -> None:
    """A key that OpenSSL cannot read is refused as damaged."""
    key = write_private(tmp_path / "key", jane.key.read_bytes().replace(b"\nMII", b"\nMIJ", 1))
    assert refusal(jane.certificate, key)[0] == f"key {key} of {JANE} is damaged: a key or certificate cannot be read"


def test_another_key(jane: Holder, tmp_path: Path) -> None:
    """A key that is not the certificate's is refused."""
    key = write_private(tmp_path / "key", private_pem(rsa.generate_private_key(65537, 2048)))
    assert refusal(jane.certificate, key) == (
        f"key {key} of {JANE} does not fit: certificate {jane.certificate} is not this private key's",
        NEW_PROXY,
    )


def test_another_key_in_a_proxy(jane: Holder, tmp_path: Path) -> None:
    """A proxy whose key is the end entity's, not its own, is refused."""
    chain = x509.load_pem_x509_certificates(by_globus(jane, tmp_path / "proxy").read_bytes())
    octets = chain[0].public_bytes(serialization.Encoding.PEM) + jane.key.read_bytes()
    file = write_private(tmp_path / "crossed", octets + jane.certificate.read_bytes())
    assert refusal(file)[0] == f"proxy {file} of {JANE} does not fit: its first certificate is not this private key's"


# ---- its life -------------------------------------------------------------------------------------------------------


def test_expired(jane: Holder, tmp_path: Path) -> None:
    """An expired proxy says since when, and how to make a new one."""
    end = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3, minutes=5)
    file = by_hand(jane, tmp_path / "proxy", not_before=end - timedelta(hours=1), not_after=end)
    assert refusal(file) == (f"proxy {file} of {JANE} expired 3h 5m ago, at {end:%Y-%m-%dT%H:%M:%SZ}", NEW_PROXY)


def test_expired_by_dirac(jane: Holder, tmp_path: Path) -> None:
    """So does one that DIRAC's code made."""
    file = by_dirac(jane, tmp_path / "proxy", lifetime=-120)
    assert f"proxy {file} of {JANE} expired 2m" in refusal(file)[0]


def test_expires_with_its_last_second(jane: Holder, tmp_path: Path) -> None:
    """The last second of life is included (RFC 5280 section 4.1.2.5)."""
    file = by_hand(jane, tmp_path / "proxy")
    end = read(file).not_after
    files = CredentialFiles(str(file), str(file), CredentialKind.PROXY)
    assert read_identity(files, now=end).not_after == end
    with pytest.raises(CredentialError, match="expired 500ms ago"):
        read_identity(files, now=end + 0.5)


def test_end_entity_expired_first(pki: PKI, tmp_path: Path) -> None:
    """Where it is the certificate that expired, a new proxy would not help and is not suggested."""
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    life = (end - timedelta(days=1), end)
    holder = pki.issue("short", distinguished((NameOID.COMMON_NAME, "Short Life")), life=life)
    file = by_hand(holder, tmp_path / "proxy", not_after=end + timedelta(days=1))
    assert read(file).not_after == end.timestamp()
    with pytest.raises(CredentialError) as caught:
        read_identity(CredentialFiles(str(file), str(file), CredentialKind.PROXY), now=end.timestamp() + 3600)
    assert str(caught.value) == (
        f"proxy {file} of /DC=org/DC=example/CN=Short Life expired 1h ago, at {end:%Y-%m-%dT%H:%M:%SZ}"
    )
    assert caught.value.hint == RENEW


def test_not_yet_valid(jane: Holder, tmp_path: Path) -> None:
    """A proxy from the future points at the clock."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    file = by_hand(jane, tmp_path / "proxy", not_before=start, not_after=start + timedelta(hours=1))
    files = CredentialFiles(str(file), str(file), CredentialKind.PROXY)
    assert read_identity(files, now=start.timestamp()).not_before == start.timestamp()
    with pytest.raises(CredentialError) as caught:
        read_identity(files, now=start.timestamp() - 1200)
    assert str(caught.value) == (f"proxy {file} of {JANE} is not valid before {start:%Y-%m-%dT%H:%M:%SZ}, 20m from now")
    assert caught.value.hint == "is this machine's clock right? date -u"


# ---- the path -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["-old", "-draft"])
def test_legacy(option: str, jane: Holder, tmp_path: Path) -> None:
    """Proxies from before the RFC (GT2, GT3) are refused with what makes a right one."""
    file = by_globus(jane, tmp_path / "proxy", option)
    text, hint = refusal(file)
    assert text.startswith(f"proxy {file} of {JANE}")
    assert text.endswith("is not usable: its certificate 1 is a proxy of the kind before RFC 3820")
    assert hint == RFC_PROXY


def test_independent(jane: Holder, tmp_path: Path) -> None:
    """An independent proxy carries no rights, so it is refused, whoever made it."""
    expected = "is not usable: its certificate 1 is an independent proxy, which carries no rights of its owner"
    for file in (
        by_globus(jane, tmp_path / "globus", "-rfc", "-independent"),
        by_openssl(jane, tmp_path / "openssl", policy=INDEPENDENT),
    ):
        assert refusal(file) == (f"proxy {file} of {JANE} {expected}", NEW_PROXY)


def test_two_too_many(jane: Holder, tmp_path: Path) -> None:
    """A proxy made where the path length forbids one is refused."""
    first = by_openssl(jane, tmp_path / "first", path_length=0)
    second = by_hand(Holder.of_proxy(first), tmp_path / "second")
    assert refusal(second)[0].endswith("its certificate 1 is one proxy more than the path length above it allows")


def test_eleven_deep(jane: Holder, tmp_path: Path) -> None:
    """Ten proxies below each other are taken, eleven are not, as by the broker."""
    holder = jane
    for step in range(10):
        holder = Holder.of_proxy(by_hand(holder, tmp_path / f"proxy{step}"))
    assert read(holder.certificate).proxy_depth == 10
    assert "more than 10 proxies" in refusal(by_hand(holder, tmp_path / "eleven"))[0]


def _name(*common_names: str) -> x509.Name:
    return distinguished(*((NameOID.COMMON_NAME, name) for name in common_names))


def _usage(**bits: bool) -> x509.KeyUsage:
    names = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(
        **{
            name: bits.get(name, False)
            for name in (*names, "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
        }
    )


_ALTERNATIVE = x509.SubjectAlternativeName([x509.DNSName("wn17.example.org")])
_ISSUER_ALTERNATIVE = x509.IssuerAlternativeName([x509.DNSName("wn17.example.org")])
_POLICY_TEXT = b"\x04\x02hi"
_MULTI_VALUED = x509.Name(
    [
        *_name("Jane Doe").rdns,
        x509.RelativeDistinguishedName(
            [x509.NameAttribute(NameOID.COMMON_NAME, "1"), x509.NameAttribute(NameOID.USER_ID, "root")]
        ),
    ]
)

CROOKED: dict[str, tuple[dict[str, object], str]] = {
    "not critical": ({"critical": False}, "is a proxy whose proxyCertInfo is not critical"),
    "unknown policy": (
        {"info": proxy_info("1.2.3.4")},
        "is a proxy under a policy that is neither inheritAll nor limited",
    ),
    "garbage": ({"info": b"\x30\x03\x01\x02"}, "is a proxy whose proxyCertInfo cannot be read"),
    "trailing": ({"info": proxy_info() + b"\x00\x00"}, "is a proxy whose proxyCertInfo cannot be read"),
    "policy text": ({"info": proxy_info(extra=_POLICY_TEXT)}, "is a proxy whose proxyCertInfo cannot be read"),
    "negative length": ({"info": proxy_info(path_length=255)}, "is a proxy whose proxyCertInfo cannot be read"),
    "CA": (
        {"extensions": [(x509.BasicConstraints(ca=True, path_length=None), True)]},
        "is a proxy and a CA's certificate at once",
    ),
    "alternative name": ({"extensions": [(_ALTERNATIVE, False)]}, "is a proxy with an alternative name"),
    "issuer's alternative name": (
        {"extensions": [(_ISSUER_ALTERNATIVE, False)]},
        "is a proxy with an alternative name",
    ),
    "may not sign": (
        {"extensions": [(_usage(key_encipherment=True), True)]},
        "may not sign (its keyUsage lacks digitalSignature)",
    ),
    "may sign certificates": (
        {"extensions": [(_usage(digital_signature=True, key_cert_sign=True), True)]},
        "may sign certificates (its keyUsage holds keyCertSign) without being a CA's",
    ),
    "same name": ({"subject": _name("Jane Doe")}, "is a proxy whose subject is not its issuer's and one more CN"),
    "other name": ({"subject": _name("John Roe", "1")}, "is a proxy whose subject is not its issuer's and one more CN"),
    "two more CNs": (
        {"subject": _name("Jane Doe", "1", "2")},
        "is a proxy whose subject is not its issuer's and one more CN",
    ),
    "no CN": (
        {"subject": distinguished((NameOID.COMMON_NAME, "Jane Doe"), (NameOID.USER_ID, "1"))},
        "is a proxy whose subject is not its issuer's and one more CN",
    ),
    "multi-valued CN": ({"subject": _MULTI_VALUED}, "is a proxy whose subject is not its issuer's and one more CN"),
    "empty name": ({"subject": x509.Name([])}, "is a proxy whose subject is not its issuer's and one more CN"),
    "other issuer": ({"issuer": _name("John Roe")}, "is a proxy whose issuer does not follow it"),
    "minted": (
        {"info": b"", "subject": _name("The Boss")},
        "is signed by a certificate that is no CA's, and is no proxy",
    ),
}


@pytest.mark.parametrize("case", CROOKED)
def test_crooked(case: str, jane: Holder, tmp_path: Path) -> None:
    """Each rule of RFC 3820 that a proxy breaks has its own sentence."""
    arguments, fault = CROOKED[case]
    file = by_hand(jane, tmp_path / "proxy", **arguments)  # type: ignore[arg-type]
    text, hint = refusal(file)
    owner = "/DC=org/DC=example/CN=The Boss" if case == "minted" else JANE
    assert text == f"proxy {file} of {owner} is not usable: its certificate 1 {fault}"
    assert hint == (RFC_PROXY if case == "minted" else NEW_PROXY)


def test_chain_cut(jane: Holder, tmp_path: Path) -> None:
    """A proxy without its end entity, or in the wrong order, is refused as a broken chain."""
    proxy = by_globus(jane, tmp_path / "proxy").read_bytes()
    start = proxy.rindex(b"-----BEGIN CERTIFICATE")
    cut = write_private(tmp_path / "cut", proxy[:start])
    swapped = write_private(tmp_path / "swapped", proxy[start:] + proxy[:start])

    expected = "is not usable: its certificate 1 is a proxy whose issuer does not follow it"
    assert refusal(cut)[0] == f"proxy {cut} {expected}"
    assert (
        refusal(swapped)[0]
        == f"proxy {swapped} of {JANE} does not fit: its first certificate is not this private key's"
    )


def test_tampered(jane: Holder, tmp_path: Path) -> None:
    """A proxy that another key signed, with every name right, is refused as tampered with."""
    other = write_private(tmp_path / "other", private_pem(rsa.generate_private_key(65537, 2048)))
    file = by_hand(jane, tmp_path / "proxy", signer=other)
    assert refusal(file) == (
        f"proxy {file} of {JANE} has been tampered with or damaged: "
        "its certificate 1 does not bear its issuer's signature",
        NEW_PROXY,
    )


def test_tampered_in_the_middle(jane: Holder, tmp_path: Path) -> None:
    """The signature of each step counts, not only the last one's."""
    other = write_private(tmp_path / "other", private_pem(rsa.generate_private_key(65537, 2048)))
    middle = by_hand(jane, tmp_path / "middle", signer=other)
    file = by_hand(Holder.of_proxy(middle), tmp_path / "proxy")
    assert "its certificate 2 does not bear its issuer's signature" in refusal(file)[0]


def test_ca_certificate(pki: PKI, tmp_path: Path) -> None:
    """A CA's certificate is nobody's to log in with."""
    pem = pki.ca.public_bytes(serialization.Encoding.PEM)
    file = write_private(tmp_path / "ca", pem + private_pem(pki.ca_key))
    assert refusal(file)[0].endswith("is a CA's certificate, which is nobody's to log in with")


def test_user_certificate_that_may_not_sign(pki: PKI) -> None:
    """A user certificate without digitalSignature cannot log in, so it is refused here."""
    holder = pki.issue("mute", distinguished((NameOID.COMMON_NAME, "Mute")), digital_signature=False)
    assert "may not sign" in refusal(holder.certificate, holder.key)[0]


# ---- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("common_name", "dn"),
    [
        ("Jürgen Groß", r"/DC=org/DC=example/CN=J\xC3\xBCrgen Gro\xC3\x9F"),
        ("host/wn17.example.org", "/DC=org/DC=example/CN=host/wn17.example.org"),
        ("C++ robot", "/DC=org/DC=example/CN=C++ robot"),
        ("Doe, Jane", "/DC=org/DC=example/CN=Doe, Jane"),
    ],
)
def test_names_in_the_one_form(common_name: str, dn: str, pki: PKI, tmp_path: Path) -> None:
    """Non-ASCII is \\xHH, and / and + stand bare, which OpenSSL from 3.0.22 on would write with a backslash."""
    holder = pki.issue("odd", distinguished((NameOID.COMMON_NAME, common_name)))
    for file in (by_globus(holder, tmp_path / "globus"), by_dirac(holder, tmp_path / "dirac")):
        assert read(file).dn == dn


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ([(NameOID.COMMON_NAME, "x/CN=The Boss")], "ambiguous"),
        ([(NameOID.COMMON_NAME, "a\\xC3")], "backslash"),
        ([(NameOID.COMMON_NAME, "y" * 60)] * 5, "octets; a login has at most 255"),
    ],
)
def test_names_that_cannot_be_used(
    parts: Sequence[tuple[x509.ObjectIdentifier, str]], fault: str, pki: PKI, tmp_path: Path
) -> None:
    """A name whose one-line form could be another's, or is longer than a login may be, is refused."""
    holder = pki.issue("strange", distinguished(*parts))
    text, hint = refusal(holder.certificate, holder.key)
    assert text.startswith(f"user certificate {holder.certificate} cannot be used: ")
    assert fault in text
    assert hint == RENEW


def test_kind_follows_the_contents(pki: PKI, jane: Holder, tmp_path: Path) -> None:
    """A user certificate where a proxy was expected reads as what it is, and a host certificate stays one."""
    both = write_private(tmp_path / "both", jane.certificate.read_bytes() + jane.key.read_bytes())
    assert read(both).kind is CredentialKind.USER_CERTIFICATE
    host = pki.issue("host", distinguished((NameOID.COMMON_NAME, "mq.example.org")))
    assert (
        read(host.certificate, host.key, kind=CredentialKind.HOST_CERTIFICATE).kind is CredentialKind.HOST_CERTIFICATE
    )
    assert read(by_hand(jane, tmp_path / "proxy"), kind=CredentialKind.USER_CERTIFICATE).kind is CredentialKind.PROXY
