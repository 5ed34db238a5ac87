"""Durations, rates and sizes as people write them: ``300ms 5s 2m 1h 3d``, ``50/s``, ``64k 10M 2G``."""

from __future__ import annotations

import re

_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(ms|s|m|h|d)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
_RATE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(?:/\s*(s|m|h|d))?")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*([kKmMgGtT])?(?:[iI]?[bB])?")
_FACTOR = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def parse_duration(text: str) -> float:
    """Seconds in ``text``; a bare number is seconds.

    Raises:
        ValueError: not a duration; the message says what one looks like.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 300ms, 5s, 2m, 1h or 3d")
    return float(match[1]) * _SECONDS[match[2]]


def format_duration(seconds: float) -> str:
    """``seconds`` in the largest unit that keeps it readable, such as ``11h 58m``."""
    if round(seconds * 1000) < 1000:
        return f"{round(seconds * 1000)}ms"
    whole = round(seconds)
    units = [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)]
    parts = []
    for unit, size in units:
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


def parse_rate(text: str) -> float:
    """Times per second in ``text``: ``50/s``, ``10/m``, ``1/h``; a bare number is per second.

    Raises:
        ValueError: not a rate; the message says what one looks like.
    """
    match = _RATE.fullmatch(text.strip())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"{text!r} is not a rate such as 50/s, 10/m or 1/h")
    return float(match[1]) / _SECONDS[match[2]]


def parse_size(text: str) -> int:
    """Octets in ``text``; units are powers of 1024.

    Raises:
        ValueError: not a size; the message says what one looks like.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size such as 4096, 64k, 10M or 2G")
    return int(float(match[1]) * _FACTOR[(match[2] or "").lower()])
