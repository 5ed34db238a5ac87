"""What ``send`` is asked for: its flags, and where the messages come from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial
from typing import TYPE_CHECKING, assert_never

from diracmq_cli import input as source
from diracmq_cli.core.message import MAX_BODY
from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.operations.allowance import Allowance
from diracmq_cli.operations.batch import Batch
from diracmq_cli.operations.overrides import Overrides

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Source
    from diracmq_cli.core.values import FieldValue, Table
    from diracmq_cli.input import Descriptor

OUTAGE, OUTAGE_OF_MANY = 30.0, 300.0
"""Seconds that one loss of the broker may last: for one message, and for many."""

GRACE = 5.0
"""Seconds that a first signal leaves to a sender with a spool."""

LAST_BURST = 30.0
"""Seconds that the last burst has, after the end of the input."""

LINGER = 5.0
"""Seconds that the first line of a batch waits for more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolChoice:
    """The flags of the spool: where (None: the usual place), for how long in seconds, how much in octets, and whether
    what waits there at the end is as good as sent."""

    directory: str | None = None
    ttl: float | None = None
    limit: int | None = None
    ok: bool = False


class Framing(Enum):
    """How input is cut into messages."""

    WHOLE = auto()
    LINES = auto()
    RECORDS = auto()
    ENVELOPES = auto()

    @classmethod
    def of(cls, *, lines: bool, null: bool, envelopes: bool) -> Framing:
        """The framing that the flags ask for.

        Raises:
            UsageError: more than one is asked for.
        """
        chosen = [kind for kind, on in ((cls.LINES, lines), (cls.RECORDS, null), (cls.ENVELOPES, envelopes)) if on]
        if len(chosen) > 1:
            raise UsageError("--lines, --null and --from-json exclude each other")
        return chosen[0] if chosen else cls.WHOLE

    @property
    def many(self) -> bool:
        """Whether one input holds any number of messages."""
        return self is not Framing.WHOLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOptions:
    """The flags of ``send``; times in seconds, sizes in octets of bodies, ``rate`` in messages a second.

    ``burst`` is the time from one connection to the next, for a sender that collects in between.
    """

    destination: str
    text: str | None = None
    files: tuple[str, ...] = ()
    framing: Framing = Framing.WHOLE
    overrides: Overrides = field(default_factory=Overrides)
    anonymous: bool = False
    sign: bool = False
    timeout: float | None = None
    batch: int | None = None
    linger: float | None = None
    outage: float | None = None
    grace: float | None = None
    rate: float | None = None
    max_bytes: int | None = None
    burst: float | None = None
    receipts: bool = False
    returned: str | None = None
    spool: SpoolChoice | None = None

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UsageError: they do.
        """
        if self.text is not None and (self.files or self.framing.many):
            raise UsageError("-m is one message of its own: no FILE, --lines, --null or --from-json beside it")
        if self.overrides.message_id is not None and self.many:
            raise UsageError("--id names one message, and this sends many", hint="leave --id out: each gets its own")
        self._check_batch()
        self._check_burst()
        if self.sign and self.anonymous:
            raise UsageError("--sign and --anonymous exclude each other: a signature names its signer")
        if self.outage is not None and self.outage <= 0:
            raise UsageError("--outage 0 would give up at once", hint="leave it out, or name a time such as 30s")

    def _check_batch(self) -> None:
        if self.batch is None:
            if self.linger is not None:
                raise UsageError(
                    "--linger is how long a batch waits for more, and there is none", hint="add --batch 64k"
                )
            return
        if self.framing is not Framing.LINES:
            raise UsageError("--batch joins lines, and no lines are read", hint="add --lines")
        if not 1 <= self.batch <= MAX_BODY:
            raise UsageError("--batch: a message has 1 octet at least and 16M at most", hint="--batch 64k")

    def _check_burst(self) -> None:
        if self.burst is None:
            return
        if self.burst <= 0:
            raise UsageError("--burst 0 would never be without a connection", hint="name a time such as 5m")
        if self.files or not self.framing.many:
            raise UsageError(
                "--burst collects what comes on standard input, message by message",
                hint="add --lines, --null or --from-json, and name no FILE",
            )

    @property
    def many(self) -> bool:
        """Whether more than one message may be sent."""
        return self.framing.many or len(self.files) > 1

    @property
    def longest_outage(self) -> float:
        """Seconds that one loss of the broker may last."""
        return self.outage or (OUTAGE_OF_MANY if self.many else OUTAGE)


def header_table(flags: Sequence[str]) -> Table:
    """Headers of ``-H NAME=VALUE`` (a string) and ``-H NAME:=JSON`` (a typed value, as envelopes have them).

    Raises:
        UsageError: neither form, or a value that is not JSON.
    """
    table: Table = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if not equals or not name.rstrip(":"):
            raise UsageError(f"-H {flag}: write NAME=VALUE, or NAME:=JSON for a typed value")
        table[name.removesuffix(":")] = _typed(flag, value) if name.endswith(":") else value
    return table


def _typed(flag: str, text: str) -> FieldValue:
    import json

    from diracmq_cli.core.jsonvalues import from_json

    try:
        return from_json(json.loads(text), f"-H {flag}:")
    except DataError as error:
        raise UsageError(str(error)) from error
    except ValueError:
        raise UsageError(
            f"-H {flag}: {text!r} is not JSON", hint="a string needs its quotes: 'name:=\"text\"'"
        ) from None


def source_of(options: SendOptions) -> Source:
    """Where the messages come from; files are looked at now, and standard input only when nothing else is named."""
    if options.text is not None:
        return source.TextSource(options.text)
    cut = _cutter(options)
    return source.FilesSource(options.files, cut) if options.files else cut(source.standard_input())


def _cutter(options: SendOptions) -> Callable[[Descriptor], Source]:
    """What cuts one input into messages."""
    match options.framing:
        case Framing.WHOLE:
            return source.WholeSource
        case Framing.LINES:
            return source.LineSource if options.batch is None else partial(source.LineSource, limit=MAX_BODY - 1)
        case Framing.RECORDS:
            return partial(source.LineSource, null=True)
        case Framing.ENVELOPES:
            return source.EnvelopeSource
        case _:
            assert_never(options.framing)


def batch_of(options: SendOptions) -> Batch | None:
    """What joins lines into messages, where that is asked for."""
    if options.batch is None:
        return None
    return Batch(options.batch, LINGER if options.linger is None else options.linger, time.monotonic)


def allowance_of(options: SendOptions) -> Allowance | None:
    """What limits how much one run sends, where that is asked for."""
    return None if options.max_bytes is None else Allowance(options.max_bytes)


def overrides_of(options: SendOptions, default_routing_key: str) -> Overrides:
    """The flags over every message, with the CS's routing key where neither flag nor message has one."""
    is_text = options.text is not None or options.framing is Framing.LINES
    return replace(
        options.overrides,
        default_routing_key=default_routing_key,
        default_content_type="text/plain" if is_text else None,
    )
