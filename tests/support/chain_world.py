"""The authorities and people of the table of chains, and what a row of it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from cryptography import x509
from support.chain_parts import CA_USAGE, USER_USAGE, a_ca, name
from support.chains import NEXT_YEAR, NOW, TOMORROW, Issued, issue, proxy, root, rsa_key

PAST = (NOW - timedelta(days=3), NOW - timedelta(days=2))
FUTURE = (TOMORROW, NEXT_YEAR)
JANE = "/DC=org/DC=example/CN=Jane Doe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A chain (leaf first, without the root) and what must become of it.

    Exactly one of ``dn`` and ``reason`` is given. ``named`` is the certificate that the refusal names, by default
    the leaf; ``listener`` says with which options it is judged.
    """

    name: str
    chain: tuple[Issued, ...]
    dn: str | None = None
    kind: str = "end_entity"
    depth: int = 0
    reason: str | None = None
    named: Issued | None = None
    listener: str = "default"

    @property
    def until(self) -> datetime:
        """When the first certificate of the chain ends."""
        return min(issued.certificate.not_valid_after_utc for issued in self.chain)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The authorities that the broker trusts, and people with certificates of theirs."""

    ca: Issued
    sub_ca: Issued
    short_ca: Issued
    expired_ca: Issued
    future_ca: Issued
    no_crl_ca: Issued
    late_crl_ca: Issued
    forged_crl_ca: Issued
    partial_crl_ca: Issued
    revoked_ca: Issued
    jane: Issued
    revoked: Issued

    @property
    def authorities(self) -> tuple[Issued, ...]:
        """What stands in the broker's ``cacertfile``."""
        return (
            self.ca,
            self.expired_ca,
            self.future_ca,
            self.no_crl_ca,
            self.late_crl_ca,
            self.forged_crl_ca,
            self.partial_crl_ca,
        )


@cache
def world() -> World:
    ca = root(name("DC=org", "DC=example", "CN=Grid CA"), key=rsa_key("ca"))
    return World(
        ca=ca,
        sub_ca=issue(name("DC=org", "DC=example", "CN=Issuing CA"), ca, a_ca(), CA_USAGE),
        short_ca=issue(name("DC=org", "DC=example", "CN=Last CA"), ca, a_ca(0), CA_USAGE),
        expired_ca=root(name("DC=org", "DC=example", "CN=Former CA"), life=PAST),
        future_ca=root(name("DC=org", "DC=example", "CN=Coming CA"), life=FUTURE),
        no_crl_ca=root(name("DC=org", "DC=example", "CN=Silent CA")),
        late_crl_ca=root(name("DC=org", "DC=example", "CN=Late CA")),
        forged_crl_ca=root(name("DC=org", "DC=example", "CN=Impersonated CA")),
        partial_crl_ca=root(name("DC=org", "DC=example", "CN=Partial CA")),
        revoked_ca=issue(name("DC=org", "DC=example", "CN=Revoked CA"), ca, a_ca(), CA_USAGE),
        jane=issue(name("DC=org", "DC=example", "CN=Jane Doe"), ca, USER_USAGE, key=rsa_key("jane")),
        revoked=issue(name("DC=org", "DC=example", "CN=Rita Revoked"), ca, USER_USAGE),
    )


def accepted(title: str, *chain: Issued, dn: str = JANE, proxies: int = 0, limited: bool = False, **more: str) -> Case:
    kind = "end_entity" if not proxies else "limited_proxy" if limited else "proxy"
    return Case(name=title, chain=chain, dn=dn, kind=kind, depth=proxies, **more)  # type: ignore[arg-type]


def refused(title: str, reason: str, *chain: Issued, named: Issued | None = None, listener: str = "default") -> Case:
    return Case(name=title, chain=chain, reason=reason, named=named, listener=listener)


def sized(octets: int) -> x509.Name:
    """A name whose one-line form has so many octets (193 to 256)."""
    return name(*["OU=" + "x" * 60] * 3, "CN=" + "x" * (octets - 3 * 64 - len("/CN=")))


def with_proxy(person: Issued) -> tuple[Issued, Issued]:
    return proxy(person), person


def impostor(person: Issued) -> Issued:
    """The same certificate beside a key that is not its own."""
    return Issued(certificate=person.certificate, key=rsa_key("impostor"))
