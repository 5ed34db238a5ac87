"""Distinguished names in the one form used everywhere: CS entries, broker users, ``user_id``, headers.

That form is OpenSSL's one-line form, ``/DC=org/DC=example/CN=Jane Doe``: ``/`` and ``+`` inside a value stand bare
(OpenSSL before 3.0.22 wrote them so, and old registries hold them so), and control and non-ASCII octets are ``\\xHH``
in upper case. A name is only accepted where its text can mean one name alone. The broker plugin
``rabbitmq_grid_proxy`` writes the same form (``oneline/1``), with the same table of labels (``label/1``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from diracmq_cli.errors import DataError

MAX_OCTETS = 255
"""What a login may have: ``user_id`` is a short string of AMQP."""

ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
"""Labels by object identifier; whatever is not here is written as its dotted number."""

_SYNONYMS = {
    **ATTRIBUTES,
    # what older tools wrote into registries
    "Email": "emailAddress",
    "E": "emailAddress",
    "USERID": "UID",
    "userId": "UID",
    # what OpenSSL prints (crypto/objects/objects.txt) for attributes that our table writes as numbers
    "businessCategory": "2.5.4.15",
    "postalAddress": "2.5.4.16",
    "postalCode": "2.5.4.17",
    "telephoneNumber": "2.5.4.20",
    "unstructuredName": "1.2.840.113549.1.9.2",
    "unstructuredAddress": "1.2.840.113549.1.9.8",
}

_PART = re.compile(r"/([A-Za-z0-9.]+)=")
_ESCAPED_PART = re.compile(r"\\(/[A-Za-z0-9.]+=)")
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.?)", re.DOTALL)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]")
_OID = re.compile(r"\d+(?:\.\d+)+")
_BETWEEN = re.compile(r"\s*,\s*(?=/)")


class DNError(DataError):
    """A name that cannot be used, because its one-line form is malformed, ambiguous or too long."""


def normalise(text: str) -> str:
    """Bring a one-line DN from a registry, a certificate tool or a message into the one form.

    Raises:
        DNError: it is not a one-line DN, or could mean more than one name.
    """
    if not text.startswith("/"):
        raise DNError(f"{text!r} is not a DN such as /DC=org/DC=example/CN=Jane Doe")
    escaped = _ESCAPED_PART.search(text)
    if escaped:  # once the slash stands bare, nothing would tell it from the beginning of a part
        raise DNError(f"DN {text!r} is ambiguous: a value holds {escaped[1]!r}")
    try:
        bare = _UNPRINTABLE.sub(_escape_character, text)
    except UnicodeEncodeError:
        raise DNError(f"DN {text!r} holds a lone surrogate, which is not a character") from None
    bare = _ESCAPE.sub(lambda match: _plain(match[1], text), bare)
    if not _PART.match(bare):
        raise DNError(f"DN {text!r} does not begin with an attribute such as /DC=")
    return _PART.sub(lambda match: f"/{_SYNONYMS.get(match[1], match[1])}=", bare)


def _escape_character(match: re.Match[str]) -> str:
    return "".join(f"\\x{octet:02X}" for octet in match[0].encode())


def _plain(escaped: str, text: str) -> str:
    """What stands in the one form for a backslash and what followed it."""
    if escaped in ("/", "+"):
        return escaped
    if escaped.startswith("x") and len(escaped) == 3 and not 0x20 <= int(escaped[1:], 16) <= 0x7E:
        return f"\\x{escaped[1:].upper()}"
    raise DNError(f"DN {text!r} holds a backslash that is neither \\/, \\+ nor an unprintable octet's \\xHH")


def from_rdns(rdns: Sequence[Sequence[tuple[str, bytes]]]) -> str:
    """Write a name as a certificate holds it: relative names of (dotted object identifier, value octets).

    Raises:
        DNError: it is empty, or the one-line form cannot write it so that only this name is meant: a multi-valued
            relative name, or a value that holds a backslash or something like ``/CN=``.
    """
    if not rdns:
        raise DNError("the certificate's DN is empty")
    return "".join(map(_part, rdns))


def _part(rdn: Sequence[tuple[str, bytes]]) -> str:
    if len(rdn) != 1:
        shown = " + ".join(f"{ATTRIBUTES.get(oid, oid)}={value!r}" for oid, value in rdn)
        raise DNError(f"the certificate's DN has a part of {len(rdn)} attributes ({shown}), which has no one-line form")
    oid, value = rdn[0]
    label = ATTRIBUTES.get(oid, oid)
    if label == oid and not _OID.fullmatch(oid):
        raise DNError(f"the certificate's DN has an attribute {oid!r} that is no object identifier")
    text = "".join(chr(octet) if 0x20 <= octet <= 0x7E else f"\\x{octet:02X}" for octet in value)
    if b"\\" in value:
        raise DNError(f"the certificate's DN has a backslash in {label}={text!r}, which has no one-line form")
    if _PART.search(text):
        raise DNError(f"the certificate's DN is ambiguous: {label}={text!r} holds an attribute of its own")
    return f"/{label}={text}"


def check_login(dn: str) -> str:
    """Return ``dn`` if it can be a login, which AMQP carries as a short string.

    Raises:
        DNError: it has more than 255 octets.
    """
    if len(dn.encode()) > MAX_OCTETS:
        raise DNError(f"DN {dn!r} has {len(dn.encode())} octets; a login has at most {MAX_OCTETS}")
    return dn


def split_list(text: str) -> list[str]:
    """Split a comma list of DNs, as ``/Registry`` holds it. DNs may hold commas, so only those before ``/`` count."""
    return [part for part in _BETWEEN.split(text.strip(" \t\r\n,")) if part]
