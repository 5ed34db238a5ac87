"""Read JSON without guessing: UTF-8, no name twice, no constants that JSON lacks, a bound on its size."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from diracmq_cli.errors import DataError

if TYPE_CHECKING:
    from diracmq_cli.core.jsonvalues import Json


def parse_json(text: str | bytes, what: str, *, limit: int) -> Json:
    """Read one JSON value; ``what`` names it in errors, ``limit`` is the most octets (or characters) it may have.

    Raises:
        DataError: it is too large, not UTF-8, not JSON, nested too deep, or an object of it has a name twice.
    """
    if len(text) > limit:
        raise DataError(f"{what} has {len(text)} octets, more than {limit}")
    try:
        document: Json = _DECODER.decode(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError:
        raise DataError(f"{what} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{what} is not JSON: {error.msg.lower()} at character {error.pos + 1}") from None
    except RecursionError:
        raise DataError(f"{what} is nested too deep") from None
    except ValueError:  # an integer of more than 4300 digits
        raise DataError(f"{what} holds a number that is too long") from None
    return document


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{twice!a} is there twice")
    return document


def _no_constant(name: str) -> Json:
    raise DataError(f'{name} is not JSON; a double that is no number is {{"$f64":"nan"}}')


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
