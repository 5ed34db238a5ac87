"""The DER reader reads what an independent encoder wrote, and refuses what is not DER."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from diracmq_cli.credentials import certificate, der
from diracmq_cli.credentials.certificate import KeyUsage
from diracmq_cli.credentials.der import DerError

KEY = ec.generate_private_key(ec.SECP256R1())
ARCS = st.lists(st.integers(0, 2**40), min_size=1, max_size=8)
OIDS = st.builds(
    lambda first, second, rest: ".".join(map(str, [first, second if first == 2 else second % 40, *rest])),
    st.integers(0, 2),
    st.integers(0, 2**20),
    ARCS,
).filter(lambda oid: not oid.startswith("2.5."))  # attributes and extensions whose contents are not free
MOMENTS = st.datetimes(datetime(1950, 1, 1), datetime(9999, 12, 30)).map(lambda t: t.replace(microsecond=0, tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(
    oids=st.lists(OIDS, min_size=1, max_size=4, unique=True),
    value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40),
    start=MOMENTS,
    critical=st.booleans(),
    content=st.binary(max_size=300),
)
def test_reads_what_cryptography_writes(
    oids: list[str], value: str, start: datetime, critical: bool, content: bytes
) -> None:
    """Names of any attributes and text, times before and after 2050, and unknown extensions are read back exactly."""
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(oid), value) for oid in oids])
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oids[0]), content)
    written = (
        x509.CertificateBuilder(name, name, KEY.public_key(), 5, start, start + timedelta(days=1))
        .add_extension(extension, critical=critical)
        .sign(KEY, hashes.SHA256())
    )

    read = certificate.parse(written.public_bytes(serialization.Encoding.DER))

    assert read.subject.text_rdns() == tuple(((oid, value.encode()),) for oid in oids)
    assert read.issuer == read.subject
    assert (read.not_before, read.not_after) == (start.timestamp(), (start + timedelta(days=1)).timestamp())
    assert read.extensions == {oids[0]: certificate.Extension(critical, content)}
    assert (read.is_ca, read.key_usage) == (False, None)


@pytest.mark.parametrize("ca", [False, True])
@pytest.mark.parametrize("sign", [False, True])
@pytest.mark.parametrize("cert_sign", [False, True])
def test_usage_and_ca(ca: bool, sign: bool, cert_sign: bool) -> None:
    """The bits of keyUsage and basicConstraints mean what they mean to others."""
    usage = x509.KeyUsage(sign, False, True, False, False, cert_sign, True, False, False)
    name = x509.Name([])
    written = (
        x509.CertificateBuilder(name, name, KEY.public_key(), 5, datetime(2026, 1, 1), datetime(2026, 1, 2))
        .add_extension(x509.BasicConstraints(ca, 3 if ca else None), critical=True)
        .add_extension(usage, critical=True)
        .sign(KEY, hashes.SHA256())
    )

    read = certificate.parse(written.public_bytes(serialization.Encoding.DER))

    assert read.is_ca is ca
    assert read.key_usage == KeyUsage(digital_signature=sign, key_cert_sign=cert_sign)


@pytest.mark.parametrize(
    "octets",
    [
        b"\x30",  # no length
        b"\x30\x05\x00",  # cut
        b"\x30\x80\x00\x00",  # indefinite
        b"\x30\x81\x01\x00",  # length not minimal
        b"\x30\x82\x00\x80" + bytes(128),  # length with a leading zero
        b"\x30\x85\x00\x00\x00\x00\x01\x00",  # length of five octets
        b"\x1f\x01\x00",  # long tag
    ],
)
def test_lengths_and_tags(octets: bytes) -> None:
    """What is not DER is refused, though a lenient reader would make something of it."""
    with pytest.raises(DerError):
        der.read_all(octets)


@pytest.mark.parametrize("octets", [b"", b"\x05\x00\x05\x00"])
def test_exactly_one(octets: bytes) -> None:
    """Nothing, and more than one, are not one."""
    with pytest.raises(DerError, match="expected one element"):
        der.read_one(octets)


@pytest.mark.parametrize(
    "text",
    [
        b"260101000000",  # no Z
        b"2601010000Z",  # no seconds
        b"260101000000+0100",  # not UTC
        b"261301000000Z",  # month 13
        b"260230000000Z",  # no such day
        b"260101000060Z",  # leap second
        "26010100000\u0660Z".encode(),  # a digit, but not ASCII
        b"",
    ],
)
def test_times_that_are_none(text: bytes) -> None:
    """Times in any form but RFC 5280's are refused."""
    with pytest.raises(DerError):
        der.moment(der.Element(der.UTC_TIME, text, b""))


def test_centuries() -> None:
    """UTCTime covers 1950 to 2049."""
    years = [
        datetime.fromtimestamp(der.moment(der.Element(der.UTC_TIME, text, b"")), UTC).year
        for text in (b"500101000000Z", b"991231235959Z", b"000101000000Z", b"491231235959Z")
    ]
    assert years == [1950, 1999, 2000, 2049]


@pytest.mark.parametrize("content", [b"", b"\x80", b"\xff", b"\x00\x01"])
def test_numbers_that_are_none(content: bytes) -> None:
    """Negative and padded integers are refused where a count is expected."""
    with pytest.raises(DerError):
        der.natural(der.Element(der.INTEGER, content, b""))


def test_same_extension_twice() -> None:
    """A certificate that holds an extension twice is refused: readers would not agree which one counts."""
    name = x509.Name([])
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.42.42"), b"\x16\x01a")
    written = (
        x509.CertificateBuilder(name, name, KEY.public_key(), 5, datetime(2026, 1, 1), datetime(2026, 1, 2))
        .add_extension(extension, critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.42.43"), b"\x16\x01b"), critical=False)
        .sign(KEY, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    twice = written.replace(b"\x06\x03\x2a\x2a\x2b", b"\x06\x03\x2a\x2a\x2a")
    assert "1.2.42.43" in certificate.parse(written).extensions
    with pytest.raises(DerError, match=r"extension 1\.2\.42\.42 is there twice"):
        certificate.parse(twice)
