"""The path rules of RFC 3820 for proxies, applied to what certificates say; signatures are checked elsewhere.

OpenSSL accepts more than these rules (unknown policies, proxies without digitalSignature), and a broker that knows
proxies accepts exactly them, so every chain goes through here: our own before it is used, later other people's too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from diracmq_cli.credentials import der
from diracmq_cli.credentials.certificate import (
    COMMON_NAME,
    ISSUER_ALT_NAME,
    SUBJECT_ALT_NAME,
    Certificate,
)
from diracmq_cli.credentials.der import DerError

PROXY_CERT_INFO = "1.3.6.1.5.5.7.1.14"
DRAFT_PROXY_CERT_INFO = "1.3.6.1.4.1.3536.1.222"
"""What proxyCertInfo was called before the RFC ("GT3" proxies)."""

INHERIT_ALL = "1.3.6.1.5.5.7.21.1"
INDEPENDENT = "1.3.6.1.5.5.7.21.2"
LIMITED = "1.3.6.1.4.1.3536.1.1.1.9"
DIRAC_GROUP = "1.2.42.42"

MAX_PROXIES = 10
"""Steps from the end entity down; the broker's plugin draws the same line."""


class Fault(Enum):
    """What is wrong with a path: a name for programs, a clause for people."""

    EMPTY = "holds no certificate"
    CA_CERTIFICATE = "is a CA's certificate, which is nobody's to log in with"
    NO_DIGITAL_SIGNATURE = "may not sign (its keyUsage lacks digitalSignature)"
    KEY_CERT_SIGN = "may sign certificates (its keyUsage holds keyCertSign) without being a CA's"
    SIGNED_BY_END_ENTITY = "is signed by a certificate that is no CA's, and is no proxy"
    LEGACY = "is a proxy of the kind before RFC 3820"
    ISSUER_MISSING = "is a proxy whose issuer does not follow it"
    TOO_DEEP = f"is more than {MAX_PROXIES} proxies below its end entity"
    PROXY_IS_CA = "is a proxy and a CA's certificate at once"
    NOT_CRITICAL = "is a proxy whose proxyCertInfo is not critical"
    MALFORMED = "is a proxy whose proxyCertInfo cannot be read"
    SUBJECT = "is a proxy whose subject is not its issuer's and one more CN"
    ALTERNATIVE_NAME = "is a proxy with an alternative name"
    INDEPENDENT = "is an independent proxy, which carries no rights of its owner"
    POLICY = "is a proxy under a policy that is neither inheritAll nor limited"
    PATH_LENGTH = "is one proxy more than the path length above it allows"


class PathError(Exception):
    """A path breaks a rule; ``fault`` is the rule, ``certificate`` the one that breaks it (None: there is none)."""

    def __init__(self, fault: Fault, certificate: Certificate | None) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.certificate = certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyPath:
    """A path that keeps the rules: ``proxies`` leaf first, their end entity, what follows it.

    ``path_length`` is how many more proxies may be made below the leaf, None for no limit but ``MAX_PROXIES``.
    ``widened`` tells that a full proxy stands below a limited one: it counts as limited, but says otherwise, and
    neither Globus nor the broker's plugin takes it.
    """

    proxies: tuple[Certificate, ...]
    end_entity: Certificate
    above: tuple[Certificate, ...]
    limited: bool = False
    widened: bool = False
    path_length: int | None = None

    @property
    def leaf(self) -> Certificate:
        """The certificate that is presented first."""
        return self.proxies[0] if self.proxies else self.end_entity

    @property
    def group(self) -> str | None:
        """The DIRAC group that the proxy names for itself, or None.

        Where several steps name one, DIRAC believes the step next to the end entity
        (``X509Chain.getDIRACGroup`` walks the chain from its end), and so do we.

        Raises:
            DerError: the extension is not an IA5String.
        """
        for proxy in reversed(self.proxies):
            extension = proxy.extensions.get(DIRAC_GROUP)
            if extension is not None:
                octets = der.read_one(extension.value).expect(der.IA5_STRING).content
                if not octets.isascii():
                    raise DerError("the DIRAC group is not ASCII")
                return octets.decode("ascii")
        return None


@dataclass(frozen=True, slots=True)
class ProxyInfo:
    """Contents of proxyCertInfo (RFC 3820 section 3.8)."""

    path_length: int | None
    language: str


def proxy_path(chain: Sequence[Certificate]) -> ProxyPath:
    """Walk a chain, leaf first, from its end entity down to its leaf by the rules of RFC 3820 sections 3 and 4.

    Args:
        chain: proxies, each followed by its issuer, then the end entity, then perhaps CAs. Ends at the end entity
            where there is no more; whether a CA blessed that one is for others to verify.

    Raises:
        PathError: a rule is broken.
    """
    depth = next((i for i, certificate in enumerate(chain) if PROXY_CERT_INFO not in certificate.extensions), None)
    if depth is None:
        raise PathError(Fault.ISSUER_MISSING, chain[-1]) if chain else PathError(Fault.EMPTY, None)
    end_entity, above, proxies = chain[depth], tuple(chain[depth + 1 :]), tuple(chain[:depth])
    if depth > MAX_PROXIES:
        raise PathError(Fault.TOO_DEEP, proxies[0])
    _check_links(proxies, end_entity)
    _check_end_entity(end_entity, above)
    limited, widened, left = False, False, None
    issuer = end_entity
    for proxy in reversed(proxies):
        if left == 0:
            raise PathError(Fault.PATH_LENGTH, proxy)
        info = _check_proxy(proxy, issuer)
        widened = widened or (limited and info.language != LIMITED)
        limited = limited or info.language == LIMITED
        lengths = [length for length in (info.path_length, None if left is None else left - 1) if length is not None]
        left = min(lengths, default=None)
        issuer = proxy
    return ProxyPath(
        proxies=proxies, end_entity=end_entity, above=above, limited=limited, widened=widened, path_length=left
    )


def _check_links(proxies: Sequence[Certificate], end_entity: Certificate) -> None:
    for proxy, issuer in pairwise([*proxies, end_entity]):
        if proxy.issuer != issuer.subject:
            raise PathError(Fault.ISSUER_MISSING, proxy)


def _check_end_entity(certificate: Certificate, above: Sequence[Certificate]) -> None:
    if _is_legacy(certificate):
        raise PathError(Fault.LEGACY, certificate)
    if certificate.is_ca:
        raise PathError(Fault.CA_CERTIFICATE, certificate)
    if above and above[0].subject == certificate.issuer and not above[0].is_ca:
        raise PathError(Fault.SIGNED_BY_END_ENTITY, certificate)
    _check_usage(certificate)


def _is_legacy(certificate: Certificate) -> bool:
    """Whether this is a proxy from before the RFC: the draft's extension, or nothing but ``CN=proxy`` at the end."""
    last = certificate.subject.rdns[-1:]
    named = last and [(attribute, octets) for attribute, _, octets in last[0]] in (
        [(COMMON_NAME, b"proxy")],
        [(COMMON_NAME, b"limited proxy")],
    )
    return DRAFT_PROXY_CERT_INFO in certificate.extensions or (
        bool(named) and certificate.subject.rdns[:-1] == certificate.issuer.rdns
    )


def _check_usage(certificate: Certificate) -> None:
    if certificate.key_usage is None:
        return
    if not certificate.key_usage.digital_signature:
        raise PathError(Fault.NO_DIGITAL_SIGNATURE, certificate)
    if certificate.key_usage.key_cert_sign:
        raise PathError(Fault.KEY_CERT_SIGN, certificate)


def _check_proxy(proxy: Certificate, issuer: Certificate) -> ProxyInfo:
    extension = proxy.extensions[PROXY_CERT_INFO]
    names = proxy.subject.rdns
    if proxy.is_ca:
        raise PathError(Fault.PROXY_IS_CA, proxy)
    if not extension.critical:
        raise PathError(Fault.NOT_CRITICAL, proxy)
    if not names or names[:-1] != issuer.subject.rdns or [attribute for attribute, _, _ in names[-1]] != [COMMON_NAME]:
        raise PathError(Fault.SUBJECT, proxy)
    if SUBJECT_ALT_NAME in proxy.extensions or ISSUER_ALT_NAME in proxy.extensions:
        raise PathError(Fault.ALTERNATIVE_NAME, proxy)
    _check_usage(proxy)
    try:
        info, policy = _proxy_info(extension.value)
    except DerError:
        raise PathError(Fault.MALFORMED, proxy) from None
    if info.language == INDEPENDENT:
        raise PathError(Fault.INDEPENDENT, proxy)
    if info.language not in (INHERIT_ALL, LIMITED):
        raise PathError(Fault.POLICY, proxy)
    if policy:
        raise PathError(Fault.MALFORMED, proxy)
    return info


def _proxy_info(octets: bytes) -> tuple[ProxyInfo, bool]:
    """``SEQUENCE { INTEGER OPTIONAL, SEQUENCE { OID, OCTET STRING OPTIONAL } }``, and whether there is a policy."""
    parts = list(der.read_one(octets).expect(der.SEQUENCE).children())
    length = der.natural(parts.pop(0)) if len(parts) == 2 else None
    if len(parts) != 1:
        raise DerError("not a proxyCertInfo")
    policy = parts[0].expect(der.SEQUENCE).children()
    if not 1 <= len(policy) <= 2:
        raise DerError("not a proxyPolicy")
    return ProxyInfo(length, der.oid(policy[0])), len(policy) == 2
