"""Message identifiers."""

from __future__ import annotations

RANDOM_OCTETS = 10
"""How much randomness one identifier takes."""


def uuid7(milliseconds: int, random: bytes) -> str:
    """Form a UUID of version 7 (RFC 9562 section 5.7), which sorts by time to the millisecond.

    Args:
        milliseconds: since the epoch, below 2**48.
        random: ``RANDOM_OCTETS`` octets from a cryptographic source, of which 74 bits are used.

    Raises:
        ValueError: either is out of range.
    """
    if not 0 <= milliseconds < 1 << 48 or len(random) != RANDOM_OCTETS:
        raise ValueError(f"a UUIDv7 takes a 48-bit time and {RANDOM_OCTETS} random octets")
    value = int.from_bytes(random, "big")
    first, last = value >> 68, value & (1 << 62) - 1
    return (
        f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7{first:03x}"
        f"-{0x8000 | last >> 48:04x}-{last & (1 << 48) - 1:012x}"
    )
