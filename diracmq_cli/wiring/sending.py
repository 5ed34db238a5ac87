"""Send, wired: flags to sources, stamp, publisher and operation."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from functools import partial

from diracmq_cli.core.ids import uuid7
from diracmq_cli.core.message import Message, Receipt
from diracmq_cli.core.model import ExchangeSpec, OriginLevel, QueueSpec
from diracmq_cli.core.ports import Source
from diracmq_cli.core.stamp import Sender, stamp
from diracmq_cli.core.values import FieldValue, Table
from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.input import (
    Descriptor,
    EnvelopeSource,
    FilesSource,
    LineSource,
    TextSource,
    WholeSource,
    standard_input,
)
from diracmq_cli.operations.overrides import Overrides
from diracmq_cli.operations.send import SendRequest, SendSummary, send
from diracmq_cli.output.writer import Writer
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.sender import sender_of
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.target import Target

DEFAULT_TIMEOUT = 30.0
"""Seconds to reach the broker, and for a silence of the broker while it owes an answer. Input may take its time."""


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
    """The flags of ``send``; ``timeout`` in seconds."""

    destination: str
    text: str | None = None
    files: tuple[str, ...] = ()
    framing: Framing = Framing.WHOLE
    overrides: Overrides = field(default_factory=Overrides)
    anonymous: bool = False
    sign: bool = False
    timeout: float | None = None
    receipts: bool = False

    def check(self) -> None:
        """Refuse flags that contradict each other.

        Raises:
            UsageError: they do.
        """
        if self.text is not None and (self.files or self.framing.many):
            raise UsageError("-m is one message of its own: no FILE, --lines, --null or --from-json beside it")
        if self.overrides.message_id is not None and self.many:
            raise UsageError("--id names one message, and this sends many", hint="leave --id out: each gets its own")
        if self.sign and self.anonymous:
            raise UsageError("--sign and --anonymous exclude each other: a signature names its signer")

    @property
    def many(self) -> bool:
        """Whether more than one message may be sent."""
        return self.framing.many or len(self.files) > 1


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


def run_send(setup: Setup, options: SendOptions, console: Console) -> None:
    """Send what the options name; returns when the broker has confirmed all of it.

    Raises:
        MQError: what went wrong; how far it came has then been said on stderr.
    """
    options.check()
    source = _source(options)
    target = setup.target(options.destination)
    exchange = target.spec.name if isinstance(target.spec, ExchangeSpec) else target.spec.exchange
    default_key = "" if isinstance(target.spec, ExchangeSpec) else target.spec.routing_key
    sign = _signature(setup, target, options)
    connect_timeout = DEFAULT_TIMEOUT if options.timeout is None else options.timeout
    started = time.monotonic()
    session = setup.open(target.service, timeout=connect_timeout, wake_fd=console.stop.wake_fd)
    sender = sender_of(setup, session, by_name=setup.login_name(target.service) is not None)
    summary = SendSummary()
    try:
        send(
            source,
            session.publisher(),
            _Preparation(_overrides(options, default_key), sender.anonymous() if options.anonymous else sender, sign),
            SendRequest(
                exchange=exchange,
                destination=str(target.spec.address),
                timeout=None if options.timeout is None else max(0.0, options.timeout - (time.monotonic() - started)),
                stall=DEFAULT_TIMEOUT,
            ),
            summary=summary,
            on_receipts=_Receipts(console.writer) if options.receipts else _ignore,
            on_blocked=lambda reason: console.talk.state(_blocked(target.service.name, reason)),
            clock=time.monotonic,
            stop=console.stop,
        )
    finally:
        session.close()
        if options.framing.many or console.verbose or console.stop.requested:
            console.talk.info(f"{target.spec.address}: {summary.text()}")
    summary.check(str(target.spec.address))


def _blocked(service: str, reason: str | None) -> str:
    if reason is None:
        return f"the broker of {service} takes messages again"
    return f"the broker of {service} blocks publishers ({reason}); waiting"


def _signature(setup: Setup, target: Target, options: SendOptions) -> Callable[[Message], Message]:
    """What signs each message, where ``--sign`` or ``Origin = signed`` in the CS asks for it; else nothing does.

    Raises:
        UsageError: it must be signed, and no person sends it.
        CredentialError: the credential cannot sign.
    """
    by_the_cs = isinstance(target.spec, QueueSpec) and target.spec.origin is OriginLevel.SIGNED
    if not options.sign and not by_the_cs:
        return lambda message: message
    why = "--sign" if options.sign else f"Origin = signed ({target.spec.source})"
    if options.anonymous:
        raise UsageError(f"--anonymous cannot be: {target.spec.address} takes signed messages only, by {why}")
    if setup.login_name(target.service) is not None:
        raise UsageError(f"{why}: a server that logs in by name has no certificate to sign with")
    signer = setup.signer(many=options.many)
    return partial(signer.sign, service=target.spec.service.name, destination=target.spec.address)


class _Preparation:
    """Makes of a message what is published: flags over it, then the stamp, then the signature."""

    def __init__(self, overrides: Overrides, sender: Sender, sign: Callable[[Message], Message]) -> None:
        self._overrides, self._sender, self._sign = overrides, sender, sign

    def __call__(self, message: Message) -> Message:
        now = time.time()
        stamped = stamp(
            self._overrides.apply(message),
            self._sender,
            message_id=uuid7(int(now * 1000), os.urandom(10)),
            now=int(now),
        )
        return self._sign(stamped)


class _Receipts:
    """Writes each receipt as a JSON line (``-j``)."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def __call__(self, receipts: Sequence[Receipt]) -> None:
        import json

        for receipt in receipts:
            line = {"message_id": receipt.message_id, "outcome": receipt.outcome.value}
            if receipt.reason is not None:
                line["reason"] = receipt.reason
            self._writer.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._writer.flush()


def _ignore(_receipts: Sequence[Receipt]) -> None:
    """Without ``-j`` nothing is written for a message that was confirmed."""


def _source(options: SendOptions) -> Source:
    """Where the messages come from; files are looked at now, and standard input only when nothing else is named."""
    if options.text is not None:
        return TextSource(options.text)
    framing = _FRAMINGS[options.framing]
    return FilesSource(options.files, framing) if options.files else framing(standard_input())


_FRAMINGS: dict[Framing, Callable[[Descriptor], Source]] = {
    Framing.WHOLE: WholeSource,
    Framing.LINES: LineSource,
    Framing.RECORDS: partial(LineSource, null=True),
    Framing.ENVELOPES: EnvelopeSource,
}


def _overrides(options: SendOptions, default_routing_key: str) -> Overrides:
    is_text = options.text is not None or options.framing is Framing.LINES
    return replace(
        options.overrides,
        default_routing_key=default_routing_key,
        default_content_type="text/plain" if is_text else None,
    )
