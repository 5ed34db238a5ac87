"""How an ``execute`` (or a ``flush``) ended, as the host sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.consumer.outcomes import Reject, Retry
from diracmq_cli.errors import MQError

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_REASON = 1000
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Done:
    """It returned."""


@dataclass(frozen=True, slots=True)
class Again:
    """It asked for another time; ``after`` is in seconds, None as long as usual."""

    reason: str
    after: float | None


@dataclass(frozen=True, slots=True)
class Refused:
    """It says that the message is wrong."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Something went wrong: a failed try. ``error`` is what was raised, if anything was."""

    reason: str
    error: BaseException | None = None


End = Done | Again | Refused | Failed


def end_of(call: Callable[[], object]) -> End:
    """Call it, and say how that ended, whatever it raises: an exit too would only end this thread."""
    try:
        return _end_of_value(call())
    except Retry as retry:
        return Again(words(retry), retry.after)
    except Reject as reject:
        return Refused(words(reject))
    except BaseException as error:
        return Failed(words(error), error)


def _end_of_value(value: object) -> End:
    """What was returned: DIRAC's ``S_ERROR`` is a mapping that says so, anything else is good."""
    if isinstance(value, Mapping) and value.get("OK") is False:
        return Failed(_bounded(str(value.get("Message") or "S_ERROR without a message")))
    return Done()


def words(error: BaseException) -> str:
    """What an exception says, bounded; with its name where that is not plain."""
    try:
        text = str(error)
    except Exception:  # its own fault, too
        text = ""
    plain = isinstance(error, (Retry, Reject, MQError))
    name = type(error).__name__
    return _bounded(text if text and plain else f"{name}: {text}" if text else name)


def _bounded(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"
