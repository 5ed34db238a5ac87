r"""``--format``: ``'%{routing_key} %{header:dirac-dn} %{body}\n'``.

``%{FIELD}`` is replaced, ``%%`` is a percent sign, and ``\n \t \r \0 \\`` are what they are in C. No line end is added.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import encode
from diracmq_cli.core.message import Delivery, Properties
from diracmq_cli.core.values import Timestamp
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import UsageError
from diracmq_cli.output.cells import Span, fold
from diracmq_cli.output.escape import visible_octets
from diracmq_cli.output.fieldtext import octets_of
from diracmq_cli.output.label import verdict_label

if TYPE_CHECKING:
    from diracmq_cli.output.terminal import Look
    from diracmq_cli.output.writer import Writer

Field = Callable[[Delivery, Verdict], "bytes | str"]
"""Octets as the message has them, or text that is fit to be shown already."""

_TOKEN = re.compile(r"%\{(?P<field>[^}]*)\}|(?P<percent>%%)|\\(?P<escape>[ntr0\\])|(?P<text>[^%\\]+)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\"}
_HEADER = "header:"


def _property(name: str) -> Field:
    return lambda delivery, _verdict: octets_of(getattr(delivery.message.properties, name))


def _header(name: str) -> Field:
    return lambda delivery, _verdict: octets_of(delivery.message.headers.get(name))


def _timestamp(delivery: Delivery, _verdict: Verdict) -> bytes:
    seconds = delivery.message.properties.timestamp
    return b"" if seconds is None else octets_of(Timestamp(seconds))


FIELDS: dict[str, Field] = {
    **{field.name: _property(field.name) for field in fields(Properties)},
    "timestamp": _timestamp,
    "routing_key": lambda delivery, _: octets_of(delivery.message.routing_key),
    "body": lambda delivery, _: delivery.message.body,
    "body_b64": lambda delivery, _: b64encode(delivery.message.body),
    "service": lambda delivery, _: octets_of(delivery.service),
    "queue": lambda delivery, _: octets_of(delivery.queue),
    "exchange": lambda delivery, _: octets_of(delivery.exchange),
    "redelivered": lambda delivery, _: octets_of(delivery.redelivered),
    "delivery_count": lambda delivery, _: octets_of(delivery.delivery_count),
    "line": lambda delivery, _: octets_of(delivery.line),
    "origin": lambda _, verdict: octets_of(verdict.level),
    "dn": lambda _, verdict: octets_of(verdict.dn),
    "user": lambda _, verdict: octets_of(verdict.user),
    "reason": lambda _, verdict: octets_of(verdict.reason),
    "verdict": lambda _, verdict: verdict_label(verdict),
    "json": lambda delivery, verdict: encode(delivery, verdict),
}
"""What a template may name, besides ``header:NAME``. What a message does not have is empty."""


def _plain_verdict(_delivery: Delivery, verdict: Verdict) -> str:
    return verdict_label(verdict, plain=True)


def _literal(text: str) -> bytes:
    """Text of ours, or of the command line (which Python reads with surrogates for what is not UTF-8)."""
    return text.encode("utf-8", "surrogateescape")


def parse(template: str) -> list[str | Field]:
    """Split a template into literal text and fields.

    Raises:
        UsageError: it names an unknown field or escape, or holds a lone percent sign.
    """
    parts: list[str | Field] = []
    at = 0
    while at < len(template):
        token = _TOKEN.match(template, at)
        if token is None:
            raise UsageError(
                f"--format: {template[at : at + 2]!r} at character {at + 1} means nothing",
                hint=r"write %{FIELD} for a field, %% for a percent sign, and \n \t \r \0 \\",
            )
        at = token.end()
        if token["field"] is not None:
            parts.append(_field(token["field"]))
        elif token["escape"] is not None:
            parts.append(_ESCAPES[token["escape"]])
        else:
            parts.append("%" if token["percent"] else token["text"])
    return parts


def _field(name: str) -> Field:
    if name.startswith(_HEADER) and name != _HEADER:
        return _header(name.removeprefix(_HEADER))
    if name not in FIELDS:
        raise UsageError(
            f"--format: there is no field {name!r}", hint="known are header:NAME, " + ", ".join(sorted(FIELDS))
        )
    return FIELDS[name]


class TemplateSink:
    """Shows each message by a template (port ``Sink``).

    In a pipe values go out octet for octet. On a terminal they are made visible, and a row that is too long goes on
    indented, as in ``TextSink``, unless the template itself holds escape sequences, whose width is not known.
    """

    def __init__(self, writer: Writer, template: str, look: Look) -> None:
        """Read the template.

        Raises:
            UsageError: as ``parse``.
        """
        self._writer = writer
        self._look = look
        parts = parse(template)
        self._parts = [_plain_verdict if part is FIELDS["verdict"] and look.plain_marks else part for part in parts]
        self._folds = "\x1b" not in template

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """Take one message.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.write``.
        """
        values = [part if isinstance(part, str) else part(delivery, verdict) for part in self._parts]
        if self._look.is_terminal:
            text = "".join([value if isinstance(value, str) else visible_octets(value) for value in values])
            self._writer.write(self._look.encode(self._folded(self._look.carried(text))))
        else:
            self._writer.write(b"".join([_literal(value) if isinstance(value, str) else value for value in values]))

    def flush(self) -> None:
        """Write what was taken.

        Raises:
            OutputError, BrokenPipeError: as ``Writer.flush``.
        """
        self._writer.flush()

    def _folded(self, text: str) -> str:
        if not self._folds:
            return text
        look = self._look
        rows = [fold([Span(line)], look.width, look.ambiguous) for line in text.expandtabs().split("\n")]
        return "\n".join(["".join([span.text for span in row]) for line in rows for row in line])
