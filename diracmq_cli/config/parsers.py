"""Values of single options: each parser takes the option's text and raises ValueError saying what it should be."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from diracmq_cli.core.quantity import parse_duration, parse_size

E = TypeVar("E", bound=StrEnum)

_BOOLEANS = dict.fromkeys(("y", "yes", "true", "1"), True) | dict.fromkeys(("n", "no", "false", "0"), False)
_MAX_AGE = re.compile(r"([1-9][0-9]{0,8})\s*([YMDdhms])")
_SHORT_STRING = 255
_LONGEST = 2**32 - 1
"""Milliseconds; RabbitMQ takes no longer timer (rabbit_misc, MAX_EXPIRY_TIMER): 49 days and 17 hours."""


def boolean(text: str) -> bool:
    """DIRAC's spellings of true, and their opposites; anything else is refused, lest a typo switch TLS off."""
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError(f"{text!r} is neither yes nor no") from None


def one_of(choices: type[E]) -> Callable[[str], E]:
    """A parser of the values of an enum, in any case."""

    def parse(text: str) -> E:
        try:
            return choices(text.lower())
        except ValueError:
            raise ValueError(f"{text!r} is none of {', '.join(choices)}") from None

    return parse


def whole(lowest: int, highest: int = 2**63 - 1) -> Callable[[str], int]:
    """A parser of decimal integers within bounds; the highest that AMQP carries is a signed 64-bit one."""

    def parse(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,19}", text) and lowest <= int(text) <= highest:
            return int(text)
        bounds = f"from {lowest} to {highest}" if highest < 2**63 - 1 else f"of at least {lowest}"
        raise ValueError(f"{text!r} is not a whole number {bounds}")

    return parse


def duration(text: str) -> float:
    """Seconds, at least a millisecond (RabbitMQ's unit) and no more than its timers take."""
    seconds = parse_duration(text)
    if not 1 <= seconds * 1000 <= _LONGEST:
        raise ValueError(f"{text!r} is not between 1ms and {_LONGEST // 86_400_000}d, which is what RabbitMQ can time")
    return seconds


def size(text: str) -> int:
    """Octets, up to what AMQP carries."""
    octets = parse_size(text)
    if octets >= 2**63:
        raise ValueError(f"{text!r} is more than RabbitMQ can count")
    return octets


def max_age(text: str) -> str:
    """A stream's age as RabbitMQ spells it: ``7D``, not ``7d`` (``x-max-age``)."""
    match = _MAX_AGE.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an age such as 12h, 7D, 6M (months) or 1Y")
    return match[1] + match[2].replace("d", "D")


def short_string(text: str) -> str:
    """A name or routing key, which AMQP carries in at most 255 octets."""
    if len(text.encode("utf-8", "surrogatepass")) > _SHORT_STRING:
        raise ValueError(f"longer than {_SHORT_STRING} octets, which is all that AMQP carries")
    return text
