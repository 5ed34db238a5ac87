"""Read DER (ITU-T X.690), strictly and without recursion: just what certificates and proxies are made of.

OpenSSL, through M2Crypto, gives neither the structure of multi-valued names nor extensions that it does not know,
such as DIRAC's group, so this reads the octets. One error for any bytes: lengths must be definite, minimal and exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
UTF8_STRING, PRINTABLE_STRING, TELETEX_STRING, IA5_STRING = 0x0C, 0x13, 0x14, 0x16
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
_ARC_LIMIT = 1 << 128  # UUID-based arcs (2.25.x) are the largest that X.660 knows


class DerError(ValueError):
    """The octets are not what they should be; the message says where it went wrong."""


@dataclass(frozen=True, slots=True)
class Element:
    """One value: its identifier octet, its contents, and all its octets as they came."""

    tag: int
    content: bytes
    octets: bytes

    def expect(self, tag: int) -> Element:
        """Return the element itself.

        Raises:
            DerError: it has another tag.
        """
        if self.tag != tag:
            raise DerError(f"expected tag {tag:#04x}, found {self.tag:#04x}")
        return self

    def children(self) -> tuple[Element, ...]:
        """The elements that a constructed one holds.

        Raises:
            DerError: the contents are not a row of elements.
        """
        return read_all(self.content)


def read_one(octets: bytes) -> Element:
    """The one element that ``octets`` are.

    Raises:
        DerError: nothing there, or something after it.
    """
    elements = read_all(octets)
    if len(elements) != 1:
        raise DerError(f"expected one element, found {len(elements)}")
    return elements[0]


def read_all(octets: bytes) -> tuple[Element, ...]:
    """The elements that ``octets`` are made of, one level deep.

    Raises:
        DerError: a length is indefinite, not minimal or too long, or a tag takes more than one octet.
    """
    elements = []
    start = 0
    while start < len(octets):
        end, content = _extent(octets, start)
        elements.append(Element(octets[start], octets[content:end], octets[start:end]))
        start = end
    return tuple(elements)


def _extent(octets: bytes, start: int) -> tuple[int, int]:
    """Where the element at ``start`` ends and where its contents begin."""
    if octets[start] & 0x1F == 0x1F:
        raise DerError("tags of more than one octet are not used in certificates")
    if start + 2 > len(octets):
        raise DerError("ends inside a length")
    length = octets[start + 1]
    content = start + 2
    if length >= 0x80:
        size = length & 0x7F
        digits = octets[content : content + size]
        if not 1 <= size <= 4 or len(digits) < size:
            raise DerError("indefinite, too large or cut length")
        length = int.from_bytes(digits, "big")
        content += size
        if length < 0x80 or digits[0] == 0:
            raise DerError("length is not minimal")
    end = content + length
    if end > len(octets):
        raise DerError("ends inside a value")
    return end, content


def boolean(element: Element) -> bool:
    """The value of a BOOLEAN.

    Raises:
        DerError: it is none.
    """
    content = element.expect(BOOLEAN).content
    if content not in (b"\x00", b"\xff"):
        raise DerError("not a boolean")
    return content == b"\xff"


def natural(element: Element) -> int:
    """The value of an INTEGER that may not be negative.

    Raises:
        DerError: it is none, negative, or not minimal.
    """
    content = element.expect(INTEGER).content
    if not content or content[0] & 0x80 or (len(content) > 1 and content[0] == 0 and not content[1] & 0x80):
        raise DerError("not a minimal, non-negative integer")
    return int.from_bytes(content, "big")


def oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER.

    Raises:
        DerError: it is none.
    """
    content = element.expect(OID).content
    if not content or content[-1] & 0x80:
        raise DerError("not an object identifier")
    arcs: list[int] = []
    arc, fresh = 0, True
    for octet in content:
        if (fresh and octet == 0x80) or arc > _ARC_LIMIT:
            raise DerError("not an object identifier")
        arc, fresh = arc << 7 | octet & 0x7F, octet < 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def moment(element: Element) -> float:
    """Seconds since the epoch of a UTCTime or GeneralizedTime as RFC 5280 section 4.1.2.5 allows them.

    Raises:
        DerError: it is neither, or not in UTC with seconds.
    """
    text = element.content.decode("ascii", "replace")
    if element.tag == UTC_TIME:
        text = ("20" if text < "5" else "19") + text
    elif element.tag != GENERALIZED_TIME:
        raise DerError("not a time")
    if len(text) != 15 or text[14] != "Z" or not (text[:14].isascii() and text[:14].isdigit()):
        raise DerError("not a time in UTC with seconds")
    pairs = [int(text[i : i + 2]) for i in range(4, 14, 2)]
    try:
        month, day, hour, minute, second = pairs
        return datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        raise DerError("not a time in UTC with seconds") from None
