"""An X.509 certificate as data: names, life, extensions. Nothing here is verified; see ``rfc3820`` and ``crypto``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from diracmq_cli.credentials import der
from diracmq_cli.credentials.der import DerError, Element

COMMON_NAME = "2.5.4.3"
KEY_USAGE = "2.5.29.15"
SUBJECT_ALT_NAME = "2.5.29.17"
ISSUER_ALT_NAME = "2.5.29.18"
BASIC_CONSTRAINTS = "2.5.29.19"

_VERSION, _ISSUER_ID, _SUBJECT_ID, _EXTENSIONS = 0xA0, 0x81, 0x82, 0xA3
_TEXT_TAGS = frozenset({der.UTF8_STRING, der.PRINTABLE_STRING, der.TELETEX_STRING, der.IA5_STRING})


@dataclass(frozen=True, slots=True)
class Name:
    """A distinguished name; two are equal when their DER is, as RFC 3820 asks of a proxy and its issuer.

    ``rdns`` holds, per relative name, its attributes as ``(dotted OID, string tag, octets)``.
    """

    octets: bytes
    rdns: tuple[tuple[tuple[str, int, bytes], ...], ...] = field(compare=False)

    def text_rdns(self) -> tuple[tuple[tuple[str, bytes], ...], ...]:
        """The relative names as ``core.dn.from_rdns`` takes them.

        Raises:
            DerError: a value is in none of the string types whose octets can be read one way only.
        """
        for rdn in self.rdns:
            for attribute, tag, _ in rdn:
                if tag not in _TEXT_TAGS:
                    raise DerError(f"the value of {attribute} is in a string type ({tag:#04x}) that no DN form knows")
        return tuple(tuple((attribute, octets) for attribute, _, octets in rdn) for rdn in self.rdns)


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension's criticality and its contents (the DER inside the OCTET STRING)."""

    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """The two bits of keyUsage that decide who may sign what (RFC 5280 section 4.2.1.3)."""

    digital_signature: bool
    key_cert_sign: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. Times are seconds since the epoch, both inclusive."""

    octets: bytes = field(repr=False)
    subject: Name
    issuer: Name
    not_before: float
    not_after: float
    extensions: Mapping[str, Extension] = field(compare=False)
    is_ca: bool
    key_usage: KeyUsage | None


def parse(octets: bytes) -> Certificate:
    """Read one DER certificate (RFC 5280 section 4.1).

    Raises:
        DerError: it is none, or holds an extension twice.
    """
    outer = der.read_one(octets).expect(der.SEQUENCE).children()
    if len(outer) != 3:
        raise DerError("not a certificate")
    fields = list(outer[0].expect(der.SEQUENCE).children())
    if fields and fields[0].tag == _VERSION:
        fields.pop(0)
    if len(fields) < 6:
        raise DerError("not a certificate")
    _serial, _algorithm, issuer, validity, subject, _key, *optional = fields
    life = [der.moment(time) for time in validity.expect(der.SEQUENCE).children()]
    if len(life) != 2:
        raise DerError("not a validity")
    extensions = _extensions(optional)
    return Certificate(
        octets,
        subject=_name(subject),
        issuer=_name(issuer),
        not_before=life[0],
        not_after=life[1],
        extensions=extensions,
        is_ca=_is_ca(extensions.get(BASIC_CONSTRAINTS)),
        key_usage=_key_usage(extensions.get(KEY_USAGE)),
    )


def _name(element: Element) -> Name:
    rdns = []
    for rdn in element.expect(der.SEQUENCE).children():
        attributes = []
        for attribute in rdn.expect(der.SET).children():
            pair = attribute.expect(der.SEQUENCE).children()
            if len(pair) != 2:
                raise DerError("not an attribute of a name")
            attributes.append((der.oid(pair[0]), pair[1].tag, pair[1].content))
        if not attributes:
            raise DerError("a relative name without attributes")
        rdns.append(tuple(attributes))
    return Name(element.octets, tuple(rdns))


def _extensions(optional: list[Element]) -> dict[str, Extension]:
    found: dict[str, Extension] = {}
    for field_ in optional:
        if field_.tag in (_ISSUER_ID, _SUBJECT_ID):
            continue
        for extension in der.read_one(field_.expect(_EXTENSIONS).content).expect(der.SEQUENCE).children():
            parts = extension.expect(der.SEQUENCE).children()
            if len(parts) not in (2, 3):
                raise DerError("not an extension")
            identifier = der.oid(parts[0])
            if identifier in found:
                raise DerError(f"extension {identifier} is there twice")
            critical = len(parts) == 3 and der.boolean(parts[1])
            found[identifier] = Extension(critical, parts[-1].expect(der.OCTET_STRING).content)
    return found


def _is_ca(extension: Extension | None) -> bool:
    if extension is None:
        return False
    parts = der.read_one(extension.value).expect(der.SEQUENCE).children()
    return bool(parts) and parts[0].tag == der.BOOLEAN and der.boolean(parts[0])


def _key_usage(extension: Extension | None) -> KeyUsage | None:
    if extension is None:
        return None
    content = der.read_one(extension.value).expect(der.BIT_STRING).content
    if not content or content[0] > 7:
        raise DerError("not a key usage")
    bits = content[1] if len(content) > 1 else 0
    return KeyUsage(digital_signature=bool(bits & 0x80), key_cert_sign=bool(bits & 0x04))
