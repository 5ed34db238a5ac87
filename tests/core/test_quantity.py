from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.core.quantity import format_duration, parse_duration, parse_rate, parse_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300ms", 0.3),
        ("5s", 5),
        ("5", 5),
        ("0", 0),
        ("1.5h", 5400),
        ("2m", 120),
        ("3d", 259_200),
        (" 5 s ", 5),
    ],
)
def test_durations_are_read_in_every_unit(text: str, seconds: float) -> None:
    """A number and a unit; without a unit it is seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-5s", "5x", "1h30m", "5S", "1e3", ".5s", "inf", "nan", "٣s", "9" * 400])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    """Anything else, infinite ones too, is a ValueError that shows what a duration looks like."""
    with pytest.raises(ValueError, match="is not a duration such as 300ms, 5s"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.25, "250ms"),
        (0.9994, "999ms"),
        (0.9999, "1s"),
        (1, "1s"),
        (59.9, "1m"),
        (60, "1m"),
        (61, "1m 1s"),
        (43_081, "11h 58m"),
        (86_400, "1d"),
        (90_061, "1d 1h"),
    ],
)
def test_durations_are_shown_in_their_largest_units(seconds: float, text: str) -> None:
    """Two units at most, rounded, and never 1000ms or 60s."""
    assert format_duration(seconds) == text


@given(st.integers(0, 10**6))
def test_a_shown_duration_never_exceeds_the_real_one(seconds: int) -> None:
    """What is shown leaves out small units and adds nothing."""
    shown = sum(parse_duration(part) for part in format_duration(seconds).split())
    assert shown <= seconds
    assert seconds - shown < max(1.0, seconds / 24)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("4096", 4096),
        ("64k", 65_536),
        ("64K", 65_536),
        ("64kB", 65_536),
        ("64 KiB", 65_536),
        ("10M", 10_485_760),
        ("1.5G", 1_610_612_736),
        ("2T", 2_199_023_255_552),
        ("7b", 7),
        ("0", 0),
        ("999999999999999", 999_999_999_999_999),
    ],
)
def test_sizes_are_read_in_powers_of_1024(text: str, octets: int) -> None:
    """Units may be written in either case, with or without i and B."""
    assert parse_size(text) == octets


@pytest.mark.parametrize("text", ["", "k", "-1", "5x", "1e3", "inf", "٣", "9" * 400])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    """Anything else, also what no disk holds, is a ValueError that shows what a size looks like."""
    with pytest.raises(ValueError, match="is not a size such as 4096, 64k"):
        parse_size(text)


@pytest.mark.parametrize(
    ("text", "per_second"), [("50/s", 50), ("50", 50), ("30/m", 0.5), ("1/h", 1 / 3600), ("0.5/s", 0.5), (" 2 / s ", 2)]
)
def test_rates_are_read_in_every_unit(text: str, per_second: float) -> None:
    """A number and a unit of time; without a unit it is per second."""
    assert parse_rate(text) == pytest.approx(per_second)


@pytest.mark.parametrize("text", ["", "0", "0/s", "-1/s", "/s", "5/x", "5s", "5/ms", "inf"])
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    """Never is no rate either."""
    with pytest.raises(ValueError, match="is not a rate such as 50/s"):
        parse_rate(text)
