"""Rows of the table of chains that must be refused."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.x509.name import _ASN1Type as StringType
from support.chain_parts import (
    ALT_NAME,
    CA_USAGE,
    GT3_PROXY_CERT_INFO,
    INDEPENDENT,
    INHERIT_ALL,
    ISSUER_ALT_NAME,
    LIMITED,
    NOT_A_CA,
    PROXY_CERT_INFO,
    SERVER_ONLY,
    USER_USAGE,
    a_ca,
    attribute,
    below,
    der,
    key_usage,
    name,
    oid_der,
    policy,
    proxy_info,
    unknown,
)
from support.chain_world import FUTURE, PAST, Case, World, impostor, refused, sized, with_proxy
from support.chains import Issued, edited, issue, proxies, proxy, root, tampered, weakly_signed

PLACEHOLDER = "1.3.6.1.5.5.7.1.99"
"""An object identifier as long as proxyCertInfo's."""


def forged(w: World) -> Iterator[Case]:
    """What an end entity or a proxy signs that is no proxy."""
    victim = name("DC=org", "DC=example", "CN=Victim")
    silent = issue(name("DC=org", "DC=example", "CN=Mallory"), w.ca)
    mallory = issue(name("DC=org", "DC=example", "CN=Mallory"), w.ca, USER_USAGE)
    basic = issue(name("DC=org", "DC=example", "CN=Mallory"), w.ca, NOT_A_CA)
    for title, signer in (("without keyUsage", silent), ("with keyUsage", mallory), ("with cA false", basic)):
        minted = issue(victim, signer, USER_USAGE)
        yield refused(f"user {title} signs another's name", "signed_by_end_entity", minted, signer)
        yield refused(
            f"user {title} signs another's name, with a proxy",
            "signed_by_end_entity",
            *with_proxy(minted),
            signer,
            named=minted,
        )
        sub_ca = issue(name("CN=Mallory CA"), signer, a_ca(), CA_USAGE)
        yield refused(
            f"user {title} signs a CA", "ca_below_end_entity", issue(victim, sub_ca), sub_ca, signer, named=sub_ca
        )
        yield refused(
            f"user {title} signs another's name as a proxy", "proxy_subject", proxy(signer, subject=victim), signer
        )
    own = proxy(mallory)
    minted = issue(victim, own)
    yield refused("proxy signs another's name", "signed_by_end_entity", minted, own, mallory)
    yield refused(
        "user signs below his own proxy's name", "legacy_proxy", issue(below(mallory.subject, "CN=1"), mallory), mallory
    )
    yield refused(
        "proxy signs a CA",
        "ca_below_end_entity",
        issue(below(own.subject, "CN=1"), own, a_ca(), CA_USAGE),
        own,
        mallory,
    )
    yield refused("legacy proxy (GT2)", "legacy_proxy", issue(below(mallory.subject, "CN=proxy"), mallory), mallory)
    yield refused(
        "limited legacy proxy (GT2)",
        "legacy_proxy",
        issue(below(mallory.subject, "CN=limited proxy"), mallory),
        mallory,
    )
    yield refused(
        "legacy proxy below an RFC proxy", "legacy_proxy", issue(below(own.subject, "CN=proxy"), own), own, mallory
    )
    draft = unknown(GT3_PROXY_CERT_INFO, der(0x30, policy()))
    yield refused("draft proxy (GT3)", "legacy_proxy", issue(below(mallory.subject, "CN=1"), mallory, draft), mallory)
    yield refused(
        "draft proxy (GT3), critical",
        "unknown_critical_extension",
        issue(below(mallory.subject, "CN=1"), mallory, (draft[0], True)),
        mallory,
    )
    signer = issue(mallory.subject, w.ca, key_usage("digital_signature", "key_cert_sign"))
    yield refused("user with keyCertSign", "key_cert_sign", signer)
    yield refused("user with keyCertSign signs", "key_cert_sign", issue(victim, signer), signer, named=signer)
    yield refused(
        "user without digitalSignature", "no_digital_signature", issue(victim, w.ca, key_usage("key_encipherment"))
    )
    yield refused("user for servers only", "invalid_ext_key_usage", issue(victim, w.ca, SERVER_ONLY))
    yield refused(
        "user with an unknown critical extension",
        "unknown_critical_extension",
        issue(victim, w.ca, unknown("1.2.3.4.5", critical=True)),
    )
    yield refused("user signed with SHA-1", "weak_signature", weakly_signed(mallory, w.ca, "sha1"))
    for digest in ("md5", "sha1"):  # OTP itself refuses a leaf signed with MD5
        weak = weakly_signed(mallory, w.ca, digest)
        yield refused(f"proxy of a user signed with {digest}", "weak_signature", *with_proxy(weak), named=weak)


def bad_proxies(w: World) -> Iterator[Case]:
    jane, subject = w.jane, w.jane.subject
    full = proxy(jane)

    def of_jane(title: str, reason: str, leaf: Issued) -> Case:
        return refused(f"proxy {title}", reason, leaf, jane)

    shouting = name("DC=org", "DC=example", "CN=JANE DOE")
    yield of_jane("that spells its issuer differently", "proxy_issuer", proxy(jane, issuer=shouting))
    yield of_jane("that spells its subject differently", "proxy_subject", proxy(jane, subject=below(shouting, "CN=1")))
    yield of_jane(
        "with another's name", "proxy_subject", proxy(jane, subject=name("DC=org", "DC=example", "CN=John", "CN=1"))
    )
    yield of_jane("with its signer's name", "proxy_subject", proxy(jane, subject=subject))
    yield of_jane("with two more names", "proxy_subject", proxy(jane, subject=below(subject, "CN=1", "CN=2")))
    yield of_jane("with a multi-valued name", "proxy_subject", proxy(jane, subject=below(subject, ["CN=1", "OU=2"])))
    yield of_jane("with an OU", "proxy_subject", proxy(jane, subject=below(subject, "OU=1")))
    yield of_jane("with a name cut short", "proxy_subject", proxy(jane, subject=name("DC=org", "DC=example")))
    yield of_jane("that is a CA", "proxy_is_a_ca", proxy(jane, a_ca(), CA_USAGE))
    yield of_jane("that is a CA without keyUsage", "proxy_is_a_ca", proxy(jane, a_ca()))
    yield of_jane("with keyCertSign", "key_cert_sign", proxy(jane, key_usage("digital_signature", "key_cert_sign")))
    yield of_jane("without digitalSignature", "no_digital_signature", proxy(jane, key_usage("key_encipherment")))
    yield of_jane("with subjectAltName", "proxy_alt_name", proxy(jane, ALT_NAME))
    yield of_jane("with issuerAltName", "proxy_alt_name", proxy(jane, ISSUER_ALT_NAME))
    yield of_jane("for servers only", "invalid_ext_key_usage", proxy(jane, SERVER_ONLY))
    yield of_jane(
        "with an unknown critical extension",
        "unknown_critical_extension",
        proxy(jane, unknown("1.2.3.4.5", critical=True)),
    )
    yield of_jane("signed with SHA-1", "weak_signature", weakly_signed(full, jane, "sha1"))
    twice = edited(proxy(jane, unknown(PLACEHOLDER, b"x")), jane, oid_der(PLACEHOLDER), oid_der(PROXY_CERT_INFO))
    yield of_jane("with two proxyCertInfos", "duplicate_extension", twice)
    yield of_jane(
        "with proxyCertInfo not critical", "proxy_info_not_critical", proxy(jane, info=proxy_info(critical=False))
    )
    for title, octets in {
        "empty": b"",
        "an empty sequence": der(0x30),
        "trailing octets": der(0x30, policy()) + b"\x00",
        "trailing octets inside": der(0x30, policy(), b"\x05\x00"),
        "a longer length than needed": b"\x30\x81" + der(0x30, policy())[1:],
        "a negative path length": der(0x30, der(0x02, b"\xff"), policy()),
        "a negative path length of two octets": der(0x30, der(0x02, b"\xff\x00"), policy()),
        "a padded path length": der(0x30, der(0x02, b"\x00\x01"), policy()),
        "a path length of three octets": der(0x30, der(0x02, b"\x01\x00\x00"), policy()),
        "a policy where none is allowed": der(0x30, policy(INHERIT_ALL, b"x")),
        "a policy beside limited": der(0x30, policy(LIMITED, b"x")),
        "a policy longer than it says": der(0x30, b"\x30" + bytes([policy()[1] - 1]) + policy()[2:]),
        "no language": der(0x30, der(0x30)),
        "its language bare": der(0x30, oid_der(INHERIT_ALL)),
    }.items():
        info = unknown(PROXY_CERT_INFO, octets, critical=True)
        yield of_jane(f"whose proxyCertInfo is or has {title}", "proxy_info_malformed", proxy(jane, info=info))
    yield of_jane("that is independent", "proxy_policy", proxy(jane, info=proxy_info(INDEPENDENT)))
    yield of_jane("under an unknown language", "proxy_policy", proxy(jane, info=proxy_info("1.2.3.4")))
    yield of_jane(
        "under an unknown language with a policy", "proxy_policy", proxy(jane, info=proxy_info("1.2.3.4", text=b"x"))
    )
    yield of_jane("signed with another key", "invalid_signature", proxy(impostor(jane)))
    yield of_jane("tampered with", "invalid_signature", tampered(full))
    last = proxy(jane, info=proxy_info(path_length=b"\x00"))
    yield refused("path length 0 exceeded", "proxy_path_too_long", proxy(last), last, jane)
    one = proxy(jane, info=proxy_info(path_length=b"\x01"))
    wide = proxy(one, info=proxy_info(path_length=b"\x05"))
    yield refused(
        "path length 1 exceeded, whatever lies between allows", "proxy_path_too_long", proxy(wide), wide, one, jane
    )
    eleven = proxies(jane, 11)
    yield refused("11 proxies", "too_many_proxies", *eleven, jane)
    yield refused("3 proxies where 2 are allowed", "too_many_proxies", *proxies(jane, 3), jane, listener="two proxies")
    limited = proxy(jane, info=proxy_info(LIMITED))
    yield refused("full below limited", "full_below_limited", proxy(limited), limited, jane)
    yield refused("limited where limited ones are refused", "limited_proxy", limited, jane, listener="no limited")
    yield refused(
        "full below limited where limited ones are refused",
        "limited_proxy",
        proxy(limited),
        limited,
        jane,
        named=limited,
        listener="no limited",
    )
    independent = proxy(jane, info=proxy_info(INDEPENDENT))
    yield refused(
        "proxy of an independent proxy", "proxy_policy", proxy(independent), independent, jane, named=independent
    )


def bad_names(w: World) -> Iterator[Case]:
    ambiguous = {
        "a backslash": "CN=J\\xC3\\x9C",
        "an attribute in a value": "CN=Jane/CN=John",
        "a numbered attribute in a value": "CN=Jane/2.5.4.3=John",
    }
    for title, part in ambiguous.items():
        yield refused(f"name with {title}", "ambiguous_name", issue(name(part), w.ca, USER_USAGE))
    yield refused(
        "name with a multi-valued part", "multi_valued_rdn", issue(name("O=Example", ["CN=Jane", "UID=j"]), w.ca)
    )
    yield refused("empty name", "empty_name", issue(name(), w.ca))
    yield refused("name of 256 octets", "name_too_long", issue(sized(256), w.ca))
    wide = attribute("CN=Jane", StringType.BMPString)
    yield refused("name in UTF-16", "name_encoding", issue(name(wide), w.ca))


def bad_times(w: World) -> Iterator[Case]:
    for reason, life in (("expired", PAST), ("not_yet_valid", FUTURE)):
        jane = issue(w.jane.subject, w.ca, USER_USAGE, life=life)
        yield refused(f"{reason}: user", reason, jane)
        yield refused(f"{reason}: user with a proxy", reason, *with_proxy(jane), named=jane)
        yield refused(f"{reason}: proxy", reason, proxy(w.jane, life=life), w.jane)
        middle = proxy(w.jane, life=life)
        yield refused(f"{reason}: proxy in the middle", reason, proxy(middle), middle, w.jane, named=middle)
        sub_ca = issue(name("CN=Sub"), w.ca, a_ca(), CA_USAGE, life=life)
        yield refused(f"{reason}: sub-CA", reason, issue(w.jane.subject, sub_ca), sub_ca, named=sub_ca)
        ca = w.expired_ca if life is PAST else w.future_ca
        yield refused(f"{reason}: root", reason, issue(w.jane.subject, ca), named=ca)


def bad_cas(w: World) -> Iterator[Case]:
    unknown_ca = root(name("CN=Unknown CA"))
    stranger = issue(w.jane.subject, unknown_ca, USER_USAGE)
    yield refused("user of an unknown CA", "unknown_ca", stranger)
    yield refused("proxy of an unknown CA's user", "unknown_ca", *with_proxy(stranger), named=stranger)
    yield refused("user of an unknown CA, which is sent along", "unknown_ca", stranger, unknown_ca, named=unknown_ca)
    fake = root(w.ca.subject)
    victim = issue(w.jane.subject, fake, USER_USAGE)
    yield refused("user of a CA of the same name", "unknown_ca", victim)
    yield refused("user of a CA of the same name, which is sent along", "unknown_ca", victim, fake, named=fake)
    itself = issue(w.jane.subject, None, USER_USAGE)
    yield refused("self-signed user", "selfsigned_peer", itself)
    yield refused(
        "CA as a user",
        "ca_is_not_a_user",
        issue(name("CN=Sub"), w.ca, a_ca(), key_usage("digital_signature", "key_cert_sign")),
    )
    yield refused("proxy that a CA signed", "proxy_signed_by_ca", proxy(w.ca))
    yield refused(
        "CA with proxyCertInfo", "proxy_signed_by_ca", issue(name("CN=Sub"), w.ca, a_ca(), CA_USAGE, proxy_info())
    )
    deep = issue(name("CN=Deep CA"), w.short_ca, a_ca(), CA_USAGE)
    yield refused(
        "CA below a CA with path length 0", "max_path_length_reached", issue(w.jane.subject, deep), deep, w.short_ca
    )
    weak = issue(name("CN=Weak CA"), w.ca, a_ca(), key_usage("crl_sign"))
    yield refused("CA without keyCertSign", "invalid_key_usage", issue(w.jane.subject, weak), weak, named=weak)


def revoked(w: World) -> Iterator[Case]:
    """What a CRL forbids, and what it means that there is none that can be believed."""
    late, forged, partial = (
        issue(w.jane.subject, ca, USER_USAGE) for ca in (w.late_crl_ca, w.forged_crl_ca, w.partial_crl_ca)
    )
    below = issue(w.jane.subject, w.revoked_ca, USER_USAGE)
    for listener in ("crl", "crl if present"):
        title = "" if listener == "crl" else ", CRL if present"
        yield refused(f"revoked user{title}", "revoked", w.revoked, listener=listener)
        yield refused(
            f"proxy of a revoked user{title}", "revoked", *with_proxy(w.revoked), named=w.revoked, listener=listener
        )
        yield refused(
            f"user of a revoked sub-CA{title}", "revoked", below, w.revoked_ca, named=w.revoked_ca, listener=listener
        )
        yield refused(f"user of a CA whose CRL is overdue{title}", "crl_expired", late, listener=listener)
        yield refused(
            f"user of a CA whose CRL another has signed{title}",
            "{crl_unusable,crl_not_signed_by_its_ca}",
            forged,
            listener=listener,
        )
        yield refused(
            f"user of a CA whose CRL is not the whole{title}",
            "{crl_unusable,{crl_extension,{2,5,29,28}}}",
            partial,
            listener=listener,
        )
    silent = issue(w.jane.subject, w.no_crl_ca, USER_USAGE)
    yield refused("user of a CA without a CRL", "no_crl", silent, listener="crl")


def outside_policy(w: World) -> Iterator[Case]:
    """Names that the CA may not certify; the CA of the grid may certify J*, R* and two sub-CAs."""
    mallory = issue(name("DC=org", "DC=example", "CN=Mallory"), w.ca, USER_USAGE)
    longer = issue(name("DC=com", "DC=org", "DC=example", "CN=Jane Doe"), w.ca, USER_USAGE)
    lower = issue(name("DC=org", "DC=example", "CN=jane doe"), w.ca, USER_USAGE)
    other_ca = issue(name("DC=org", "DC=example", "CN=Other CA"), w.ca, a_ca(), CA_USAGE)
    of_other = issue(w.jane.subject, other_ca, USER_USAGE)
    of_sub = issue(name("DC=org", "DC=example", "CN=Rita"), w.sub_ca, USER_USAGE)
    of_short = issue(w.jane.subject, w.short_ca, USER_USAGE)
    rows: tuple[tuple[str, Issued | None, tuple[Issued, ...]], ...] = (
        ("user outside the signing policy", None, (mallory,)),
        ("proxy of a user outside the signing policy", mallory, with_proxy(mallory)),
        ("user of whose name the signing policy allows the end", None, (longer,)),
        ("user whom the signing policy spells differently", None, (lower,)),
        ("user of a sub-CA outside the signing policy", other_ca, (of_other, other_ca)),
        ("user whom the root might certify, not his sub-CA", None, (of_sub, w.sub_ca)),
        ("user of a CA that may certify nobody", None, (of_short, w.short_ca)),
    )
    for title, named, chain in rows:
        yield refused(title, "signing_policy", *chain, named=named, listener="policy")
        yield refused(f"{title}, if present", "signing_policy", *chain, named=named, listener="policy if present")
    silent = issue(w.jane.subject, w.no_crl_ca, USER_USAGE)
    yield refused("user of a CA without a signing policy", "no_signing_policy", silent, listener="policy")


GROUPS = (forged, bad_proxies, bad_names, bad_times, bad_cas, revoked, outside_policy)
