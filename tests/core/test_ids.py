from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.core.ids import uuid7

TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=10, max_size=10)


@given(TIMES, RANDOM)
def test_it_is_a_uuid_of_version_7(milliseconds: int, random: bytes) -> None:
    """Python's own reader sees version 7, the RFC's variant, and the time in the first 48 bits."""
    identifier = uuid.UUID(uuid7(milliseconds, random))
    assert identifier.version == 7
    assert identifier.variant == uuid.RFC_4122
    assert identifier.int >> 80 == milliseconds
    assert str(identifier) == uuid7(milliseconds, random)


def test_the_example_of_the_rfc() -> None:
    """RFC 9562 appendix A.6, whose random bits are 0xCC3 and 0x18C4DC0C0C07398F."""
    random = ((0xCC3 << 68) | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(0x017F22E279B0, random) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_identifiers_sort_by_time(one: int, other: int, first: bytes, second: bytes) -> None:
    """The text of an earlier millisecond is the smaller one."""
    if one < other:
        assert uuid7(one, first) < uuid7(other, second)


@given(RANDOM, RANDOM)
def test_74_random_bits_are_used(one: bytes, other: bytes) -> None:
    """Two identifiers of one millisecond differ whenever their random bits do."""
    mask = (0xFFF << 68) | (2**62 - 1)
    differ = (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")) & mask
    assert (uuid7(1, one) != uuid7(1, other)) == bool(differ)


@pytest.mark.parametrize(("milliseconds", "random"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9))])
def test_what_does_not_fit_is_refused(milliseconds: int, random: bytes) -> None:
    """A time beyond 48 bits or too little randomness is an error of the caller."""
    with pytest.raises(ValueError, match="UUIDv7"):
        uuid7(milliseconds, random)
