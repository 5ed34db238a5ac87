"""Stamps that are signed as they should be, by somebody who means harm or whom no CA has blessed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from support.chain_parts import (
    ALT_NAME,
    CA_USAGE,
    INDEPENDENT,
    LIMITED,
    SERVER_ONLY,
    USER_USAGE,
    a_ca,
    below,
    key_usage,
    name,
    proxy_info,
    unknown,
)
from support.chains import NOW, Issued, crl, ec_key, issue, proxies, proxy, root, rsa_key, weakly_signed
from support.tampering import JOHN, Row, Signed

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.refusal import Refusal


def payloads() -> Iterator[Row]:
    """What is signed, by the signer."""
    for title, octets in {
        "no JSON": b"payload",
        "empty": b"",
        "not UTF-8": b'{"v":1,"id":"\xff"}',
        "a list": b"[1]",
        "a field there twice": b'{"v":1,"v":1}',
        "NaN": b'{"v":NaN}',
        "nested too deep": b"[" * 60_000,
        "a number too long": b'{"v":' + b"1" * 5000 + b"}",
    }.items():
        yield Row(f"payload {title}", Refusal.PAYLOAD, lambda s, o=octets: s.with_stamp(s.parts.signed(payload=o)))
    for title, fields in {
        "without a body's digest": {"body_sha256": ...},
        "with an unknown field": {"priority": 1},
        "with a number for an id": {"id": 7},
        "with half a character": {"id": "\ud800"},
        "with a time as text": {"time": "now"},
        "with true for a time": {"time": True},
        "with a time before 1970": {"time": -1},
        "with a list for a host": {"host": []},
        "with headers that are no object": {"headers": []},
        "with an unknown tag in headers": {"headers": {"x": {"$new": 1}}},
        "with a bare name for a destination": {"destination": "demo.jobs"},
        "with a destination no destination": {"destination": "dev::Topics::demo.jobs"},
        "with a short digest": {"body_sha256": "AAAA"},
    }.items():
        yield Row(
            f"payload {title}", Refusal.PAYLOAD, lambda s, f=fields: s.with_stamp(s.parts.with_payload(**f).signed())
        )
    for title, version in {"2": 2, "true": True, "1.0": 1.0, "missing": ...}.items():
        yield Row(
            f"version {title}", Refusal.VERSION, lambda s, v=version: s.with_stamp(s.parts.with_payload(v=v).signed())
        )
    yield Row("signed for another", Refusal.SIGNER, lambda s: s.by(proxy(s.john), s.john))
    yield Row("signed as another", Refusal.SIGNER, lambda s: s.with_stamp(s.parts.with_payload(dn=JOHN).signed()))
    yield Row("signed in an hour", Refusal.IN_FUTURE, lambda s: s.at(3600))
    yield Row("signed before its proxy was", Refusal.NOT_YET_VALID, lambda s: s.at(-3 * 86400))
    yield Row("signed when its proxy had ended", Refusal.EXPIRED, lambda s: s.at(3 * 86400))
    yield Row(
        "headers that were not there when signed",
        Refusal.HEADER_ADDED,
        lambda s: s.with_stamp(s.parts.with_payload(headers={}).signed()),
    )


def signers() -> Iterator[Row]:
    """Chains that nobody blessed."""
    yield Row("minted by a user", Refusal.SIGNED_BY_END_ENTITY, _minted)
    yield Row("minted by a user, whose own is left out", Refusal.UNKNOWN_CA, lambda s: s.by(_minted_leaf(s)))
    yield Row("a CA's own", Refusal.CA_AS_SIGNER, lambda s: s.by(s.world.sub_ca))
    yield Row(
        "self-made CA of the same name",
        Refusal.UNKNOWN_CA,
        lambda s: s.by(issue(s.world.jane.subject, root(s.world.ca.subject))),
    )
    yield Row("self-signed", Refusal.UNKNOWN_CA, lambda s: s.by(issue(s.world.jane.subject, None, USER_USAGE)))
    yield Row("outside the signing policy", Refusal.SIGNING_POLICY, _outside_policy)
    yield Row("revoked", Refusal.REVOKED, _revoked)
    yield Row("of a CA without a CRL", Refusal.NO_CRL, lambda s: _of_other_ca(s, "none"))
    yield Row("of a CA whose CRL is overdue", Refusal.CRL_EXPIRED, lambda s: _of_other_ca(s, "overdue"))
    yield Row("of a CA whose CRL is another's", Refusal.CRL_INVALID, lambda s: _of_other_ca(s, "forged"))
    yield Row("of a CA whose CRL is noise", Refusal.CRL_INVALID, lambda s: _of_other_ca(s, "noise"))
    yield Row("of a CA whose file is noise", Refusal.CA_DIRECTORY, lambda s: _of_other_ca(s, "damaged"))
    yield Row(
        "old proxy",
        Refusal.LEGACY_PROXY,
        lambda s: s.by(issue(below(s.world.jane.subject, "CN=proxy"), s.world.jane), s.world.jane),
    )
    yield Row(
        "user without digitalSignature",
        Refusal.KEY_USAGE,
        lambda s: s.by(issue(s.world.jane.subject, s.world.ca, key_usage("key_encipherment"))),
    )
    yield Row(
        "server's certificate", Refusal.KEY_USAGE, lambda s: s.by(issue(s.world.jane.subject, s.world.ca, SERVER_ONLY))
    )
    yield Row("proxyCertInfo not critical", Refusal.PROXY_FORM, lambda s: _by_proxy(s, info=proxy_info(critical=False)))
    yield Row(
        "proxy that is a CA", Refusal.PROXY_FORM, lambda s: s.by(proxy(s.world.jane, a_ca(), CA_USAGE), s.world.jane)
    )
    yield Row(
        "proxy with an alternative name",
        Refusal.PROXY_FORM,
        lambda s: s.by(proxy(s.world.jane, ALT_NAME), s.world.jane),
    )
    yield Row(
        "proxy with another's name",
        Refusal.PROXY_SUBJECT,
        lambda s: _by_proxy(s, subject=below(s.john.subject, "CN=1")),
    )
    yield Row("independent proxy", Refusal.PROXY_INDEPENDENT, lambda s: _by_proxy(s, info=proxy_info(INDEPENDENT)))
    yield Row("proxy of an unknown policy", Refusal.PROXY_POLICY, lambda s: _by_proxy(s, info=proxy_info("1.2.3.4")))
    yield Row("limited posing as full", Refusal.PROXY_WIDENED, _widened)
    yield Row("path length exceeded", Refusal.PATH_LENGTH, _too_deep)
    yield Row("eleven proxies", Refusal.CHAIN_TOO_LONG, lambda s: s.by(*proxies(s.world.jane, 11), s.world.jane))
    yield Row(
        "signed with SHA-1",
        Refusal.WEAK_DIGEST,
        lambda s: s.by(weakly_signed(_rsa_proxy(s), s.world.jane, "sha1"), s.world.jane),
    )
    yield Row(
        "signed with MD5",
        Refusal.WEAK_DIGEST,
        lambda s: s.by(weakly_signed(_rsa_proxy(s), s.world.jane, "md5"), s.world.jane),
    )
    yield Row("RSA 1024", Refusal.WEAK_KEY, lambda s: _by_proxy(s, key=rsa.generate_private_key(65537, 1024)))
    yield Row("key on a curve that is not accepted", Refusal.KEY_TYPE, lambda s: _on_curve(s, ec.SECP256K1()))
    yield Row("key that ES256 does not know", Refusal.KEY_TYPE, lambda s: _on_curve(s, ec.SECP384R1()))
    yield Row("a name with a backslash", Refusal.NAME, lambda s: s.by(s.world.person(cn="J\\xC3")))
    yield Row("an extension that nobody knows, critical", Refusal.CHAIN_INVALID, _critical)


def _by_proxy(s: Signed, **options: object) -> Delivery:
    return s.by(proxy(s.world.jane, **options), s.world.jane)  # type: ignore[arg-type]


def _rsa_proxy(s: Signed) -> Issued:
    return proxy(s.world.jane, key=rsa_key("weak"))


def _minted_leaf(s: Signed) -> Issued:
    """John makes Jane a certificate."""
    return issue(s.world.jane.subject, s.john, USER_USAGE, key=ec_key())


def _minted(s: Signed) -> Delivery:
    return s.by(_minted_leaf(s), s.john)


def _widened(s: Signed) -> Delivery:
    limited = proxy(s.world.jane, info=proxy_info(LIMITED))
    return s.by(proxy(limited), limited, s.world.jane)


def _too_deep(s: Signed) -> Delivery:
    last = proxy(s.world.jane, info=proxy_info(path_length=b"\x00"))
    return s.by(proxy(last), last, s.world.jane)


def _on_curve(s: Signed, curve: ec.EllipticCurve) -> Delivery:
    """A stamp that says ES256 over a chain whose first key is on another curve."""
    leaf = proxy(s.world.jane, key=ec.generate_private_key(curve))
    return s.with_header(x5c=s.parts.with_chain(leaf, s.world.jane).header["x5c"])


def _critical(s: Signed) -> Delivery:
    return s.by(proxy(s.world.jane, unknown("1.2.3.4.5", critical=True)), s.world.jane)


def _outside_policy(s: Signed) -> Delivery:
    person = issue(name("DC=org", "DC=elsewhere", "CN=Jane Doe"), s.world.ca, USER_USAGE)
    return s.by(person, dn="/DC=org/DC=elsewhere/CN=Jane Doe")


def _revoked(s: Signed) -> Delivery:
    rita = s.world.person(cn="Rita Revoked")
    name_hash = s.world.files.trust(s.world.ca)
    s.world.files.revoke(name_hash, s.world.ca, rita)
    return s.by(proxy(rita), rita)


def _of_other_ca(s: Signed, fault: str) -> Delivery:
    """Signed by somebody of a CA whose files in the directory are not as they should be."""
    ca = root(name("DC=org", "DC=example", f"CN={crl} CA"))
    directory = s.world.files.directory
    name_hash = s.world.files.trust(ca)
    file = directory / f"{name_hash}.r0"
    if fault == "none":
        file.unlink()
    elif fault == "overdue":
        file.write_bytes(_overdue(ca))
    elif fault == "forged":
        file.write_bytes(crl(root(ca.subject)))
    elif fault == "noise":
        file.write_bytes(b"noise")
    else:
        (directory / f"{name_hash}.0").write_bytes(b"noise")
    person = s.world.person(ca=ca)
    return s.by(proxy(person), person)


def _overdue(ca: Issued) -> bytes:
    builder = x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
    builder = builder.last_update(NOW - timedelta(days=9)).next_update(NOW - timedelta(days=1))
    return builder.sign(ca.key, hashes.SHA256()).public_bytes(Encoding.PEM)
