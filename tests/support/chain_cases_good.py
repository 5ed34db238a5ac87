"""Rows of the table of chains that must log in."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.x509.name import _ASN1Type as StringType
from support.chain_parts import (
    ALT_NAME,
    CLIENT,
    DIRAC_GROUP,
    LIMITED,
    NOT_A_CA,
    USER_USAGE,
    attribute,
    below,
    der,
    name,
    one_line,
    proxy_info,
    unknown,
)
from support.chain_world import JANE, Case, World, accepted, sized, with_proxy
from support.chains import NEXT_YEAR, TOMORROW, YESTERDAY, issue, proxies, proxy, root, rsa_key


def good_users(w: World) -> Iterator[Case]:
    jane = w.jane.subject
    yield accepted("user", w.jane)
    yield accepted("user without keyUsage", issue(jane, w.ca))
    yield accepted("user with EC key", issue(jane, w.ca, USER_USAGE))
    yield accepted("user with basicConstraints and alternative name", issue(jane, w.ca, NOT_A_CA, USER_USAGE, ALT_NAME))
    yield accepted("user with extendedKeyUsage clientAuth", issue(jane, w.ca, CLIENT))
    yield accepted("user with an extension nobody knows", issue(jane, w.ca, unknown("1.2.3.4.5")))
    yield accepted("user of a sub-CA", issue(jane, w.sub_ca, USER_USAGE), w.sub_ca)
    yield accepted("user, revocation checked", w.jane, listener="crl")


def good_names(w: World) -> Iterator[Case]:
    rows = {
        "slash": ("CN=host/wn1.example.org", "/CN=host/wn1.example.org"),
        "comma, plus, quote, equals": ('CN=Doe, "J+J" = 2', '/CN=Doe, "J+J" = 2'),
        "UTF-8": ("CN=Jürgen Ünal", "/CN=J\\xC3\\xBCrgen \\xC3\\x9Cnal"),
        "control characters": ("CN=a\n\x7fb", "/CN=a\\x0A\\x7Fb"),
        "e-mail": ("emailAddress=jane@example.org", "/emailAddress=jane@example.org"),
        "UID": ("UID=jdoe", "/UID=jdoe"),
        "street": ("street=1 High St", "/street=1 High St"),
        "unregistered attribute": ("1.2.3.4=x", "/1.2.3.4=x"),
    }
    for title, (part, written) in rows.items():
        person = issue(name("DC=org", "DC=example", "CN=Jane Doe", part), w.ca, USER_USAGE)
        yield accepted(f"name with {title}", person, dn=JANE + written)
        yield accepted(f"proxy below a name with {title}", proxy(person), person, dn=JANE + written, proxies=1)
    teletex = attribute("CN=José", StringType.T61String)
    yield accepted("name in a T61String", issue(name("C=CH", teletex), w.ca), dn="/C=CH/CN=Jos\\xC3\\xA9")
    yield accepted("name of 255 octets", issue(sized(255), w.ca), dn=one_line(sized(255)))
    numbered = issue(below(w.jane.subject, "CN=424242"), w.ca, USER_USAGE)
    yield accepted("user whose own name ends in a number", numbered, dn=f"{JANE}/CN=424242")
    yield accepted("proxy of such a user", proxy(numbered), numbered, dn=f"{JANE}/CN=424242", proxies=1)


def good_proxies(w: World) -> Iterator[Case]:
    jane = w.jane
    for count in (1, 2, 3, 10):
        yield accepted(f"{count} proxies", *proxies(jane, count), jane, proxies=count)
    yield accepted("proxy with keyUsage", proxy(jane, USER_USAGE), jane, proxies=1)
    yield accepted("proxy with basicConstraints of no CA", proxy(jane, NOT_A_CA), jane, proxies=1)
    yield accepted("proxy with an RSA key", proxy(jane, key=rsa_key("proxy")), jane, proxies=1)
    yield accepted(
        "proxy with a DIRAC group", proxy(jane, unknown(DIRAC_GROUP, der(0x16, b"dirac_user"))), jane, proxies=1
    )
    yield accepted("proxy of a user without keyUsage", *with_proxy(issue(jane.subject, w.ca)), proxies=1)
    client = issue(jane.subject, w.ca, USER_USAGE, CLIENT)
    yield accepted("proxies of a user with extendedKeyUsage clientAuth", *proxies(client, 2), client, proxies=2)
    brief = issue(jane.subject, w.ca, USER_USAGE, life=(YESTERDAY, TOMORROW))
    yield accepted(
        "proxy that would outlive its user's certificate", proxy(brief, life=(YESTERDAY, NEXT_YEAR)), brief, proxies=1
    )
    yield accepted("limited proxy", proxy(jane, info=proxy_info(LIMITED)), jane, proxies=1, limited=True)
    full = proxy(jane)
    yield accepted("limited below full", proxy(full, info=proxy_info(LIMITED)), full, jane, proxies=2, limited=True)
    limited = proxies(jane, 2, info=proxy_info(LIMITED))
    yield accepted("limited below limited", *limited, jane, proxies=2, limited=True)
    last = proxy(jane, info=proxy_info(path_length=b"\x00"))
    yield accepted("path length 0 on the leaf", last, jane, proxies=1)
    one = proxy(jane, info=proxy_info(path_length=b"\x01"))
    yield accepted("path length 1, one below", proxy(one), one, jane, proxies=2)
    many = proxy(jane, info=proxy_info(path_length=b"\x01\x2c"))
    yield accepted("path length 300, one below", proxy(many), many, jane, proxies=2)
    yield accepted("full proxy where limited ones are refused", full, jane, proxies=1, listener="no limited")
    yield accepted("2 proxies where 2 are allowed", *proxies(jane, 2), jane, proxies=2, listener="two proxies")
    yield accepted("proxy, revocation checked", full, jane, proxies=1, listener="crl")


def good_paths(w: World) -> Iterator[Case]:
    jane, leaf = w.jane, proxy(w.jane)
    stranger = issue(name("CN=Stranger"), root(name("CN=Unknown CA")))
    yield accepted("proxy with the root sent along", leaf, jane, w.ca, proxies=1)
    yield accepted("proxy with a certificate that does not belong", leaf, jane, stranger, proxies=1)
    yield accepted("proxy with another between", leaf, stranger, jane, proxies=1)
    top, middle = proxies(jane, 2)
    yield accepted("proxies out of order", top, jane, middle, proxies=2)
    of_sub = issue(jane.subject, w.sub_ca, USER_USAGE)
    yield accepted("proxy of a sub-CA's user", *with_proxy(of_sub), w.sub_ca, proxies=1)
    of_short = issue(jane.subject, w.short_ca, USER_USAGE)
    yield accepted("user of a CA with path length 0", of_short, w.short_ca)
    yield accepted("proxies below a CA with path length 0", *proxies(of_short, 3), of_short, w.short_ca, proxies=3)


def good_standing(w: World) -> Iterator[Case]:
    """What CRLs and signing policies let through."""
    jane, silent = w.jane, issue(w.jane.subject, w.no_crl_ca, USER_USAGE)
    of_sub = issue(jane.subject, w.sub_ca, USER_USAGE)
    yield accepted("user of a sub-CA, revocation checked", of_sub, w.sub_ca, listener="crl")
    yield accepted("user, CRL if present", jane, listener="crl if present")
    yield accepted("user of a CA without a CRL, CRL if present", silent, listener="crl if present")
    yield accepted("proxy of such a user, CRL if present", *with_proxy(silent), proxies=1, listener="crl if present")
    yield accepted("user inside the signing policy", jane, listener="policy")
    yield accepted("proxy inside the signing policy", proxy(jane), jane, proxies=1, listener="policy")
    yield accepted("user of a sub-CA, both inside the signing policy", of_sub, w.sub_ca, listener="policy")
    yield accepted("user of a CA without a signing policy, if present", silent, listener="policy if present")


GROUPS = (good_users, good_names, good_proxies, good_paths, good_standing)
