"""What a message says of its pilot: whose log it belongs into, and which lines it adds there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from diracmq_cli.core.message import MAX_BODY
from diracmq_cli.core.strictjson import parse_json
from diracmq_cli.errors import DataError
from diracmq_cli.output.escape import visible, visible_octets

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Message

FIELDS = ("pilotUUID", "timestamp", "source", "phase", "status", "messageContent")
"""Of the messages that DIRAC's PilotLogger sent: an object with these keys, or their values as a list."""

ENDS = frozenset({"done", "finished", "failed", "aborted", "killed"})
"""What ``status`` is when ``phase`` is ``pilot`` and the pilot has come to its end, in whatever case."""

MAX_ID = 255
"""Octets of a pilot's id."""


class NoPilot(Exception):
    """A message belongs to no pilot: why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotMessage:
    """Some lines of one pilot's log, without line ends; ``finished`` where the pilot says that it ends."""

    pilot: str
    lines: tuple[str, ...]
    finished: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Status:
    """The six fields."""

    pilot: str
    timestamp: str
    source: str
    phase: str
    status: str
    text: str

    @property
    def finished(self) -> bool:
        return self.phase.strip().lower() == "pilot" and self.status.strip().lower() in ENDS

    @property
    def line(self) -> str:
        place = " ".join(visible(part.strip() or "-") for part in (self.source, self.phase, self.status))
        return f"[{place}] {visible(self.text)}"


def read_message(delivery: Delivery, now: float) -> PilotMessage:
    """Read a message; ``now`` (seconds since the epoch) is its time where it names none.

    Raises:
        NoPilot: it names no pilot, or one that cannot be one.
    """
    message = delivery.message
    texts = _texts(message)
    statuses = [_status(text) for text in texts]
    pilot = message.headers.get("dirac-pilot")
    if pilot is None and statuses[0] is not None:
        pilot = statuses[0].pilot
    if pilot is None:
        raise NoPilot("it names no pilot: neither a header dirac-pilot nor the six fields of a status message")
    if not isinstance(pilot, str) or not pilot.strip():
        raise NoPilot("its pilot's id is empty, or no text")
    if _octets(pilot) > MAX_ID:
        raise NoPilot(f"its pilot's id has more than {MAX_ID} octets")
    stated = message.properties.timestamp
    sent = now if stated is None else float(stated)
    lines = []
    for text, status in zip(texts, statuses, strict=True):
        moment, shown = (
            (sent, visible_octets(text)) if status is None else (_seconds(status.timestamp, sent), status.line)
        )
        lines.append(f"{_clock(moment, now)} {shown}")
    finished = any(status.finished for status in statuses if status is not None)
    return PilotMessage(pilot=pilot, lines=tuple(lines), finished=finished)


def _octets(pilot: str) -> int:
    try:
        return len(pilot.encode())
    except UnicodeEncodeError:  # JSON can name halves of characters
        raise NoPilot("its pilot's id is no text") from None


def _texts(message: Message) -> list[bytes]:
    """The lines of a body: as many as it has where ``dirac-lines`` is there, else one that shows its line ends."""
    body = message.body.removesuffix(b"\n")
    return body.split(b"\n") if "dirac-lines" in message.headers else [body]


def _status(line: bytes) -> _Status | None:
    """The six fields where a line is made of them; anything else is somebody's line."""
    if line[:1] not in (b"[", b"{"):
        return None
    try:
        fields = parse_json(line, "the line", limit=MAX_BODY)
    except DataError:
        return None
    if isinstance(fields, dict) and fields.keys() == set(FIELDS):
        fields = [fields[name] for name in FIELDS]
    if not isinstance(fields, list) or len(fields) != len(FIELDS):
        return None
    texts = [field for field in fields if isinstance(field, str)]
    if len(texts) != len(FIELDS):
        return None
    pilot, timestamp, source, phase, status, text = texts
    return _Status(pilot=pilot, timestamp=timestamp, source=source, phase=phase, status=status, text=text)


def _seconds(text: str, otherwise: float) -> float:
    """A pilot's own time: seconds since the epoch, or ISO 8601 (UTC where it names no zone)."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return otherwise


def _clock(seconds: float, otherwise: float) -> str:
    """``2026-11-24T12:00:00Z``; ``otherwise`` where that second is no moment that has a year of four digits."""
    if not (math.isfinite(seconds) and 0 <= seconds < 253_402_300_800):
        seconds = otherwise
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
