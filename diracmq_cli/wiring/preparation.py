"""From a message as it was read to one that is published: flags over it, then the stamp, then the signature."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from diracmq_cli.core.ids import uuid7
from diracmq_cli.core.model import OriginLevel, QueueSpec
from diracmq_cli.core.stamp import Sender, SpooledMessage, stamp
from diracmq_cli.errors import CredentialError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.core.identity import Identity
    from diracmq_cli.core.message import Message
    from diracmq_cli.operations.overrides import Overrides
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.sendoptions import SendOptions
    from diracmq_cli.wiring.setup import Setup
    from diracmq_cli.wiring.target import Target

_LOOK_EVERY = 10.0
"""Seconds after which the signer looks whether the credential's file has changed."""

_ENDS_SOON = 300.0
"""Seconds before a signing key's end at which a new one is made, if there is a newer credential."""


class Sign(Protocol):
    """What signs messages."""

    def __call__(self, message: Message) -> Message:
        """The message, signed."""

    def connected(self) -> None:
        """A broker has accepted the credential as it is now."""


class Preparation:
    """Makes of a message what is published."""

    def __init__(
        self, overrides: Overrides, sender: Sender, sign: Sign | None, on_foreign: Callable[[str], None]
    ) -> None:
        """``on_foreign`` is told, once, who spooled a message that gets a new stamp since we are somebody else."""
        self._overrides, self._sender, self._sign = overrides, sender, sign
        self._on_foreign: Callable[[str], None] | None = on_foreign

    def connected(self, local_address: str) -> None:
        """Log-in is done: the stamp bears our address on the first connection."""
        if self._sign is not None:
            self._sign.connected()
        if self._sender.ip is None:
            self._sender = replace(self._sender, ip=local_address)

    def __call__(self, message: Message) -> Message:
        """Put flags, stamp and signature on one message.

        Raises:
            DataError: it cannot be stamped or signed.
        """
        if isinstance(message, SpooledMessage) and self._on_foreign is not None and not message.is_of(self._sender):
            self._on_foreign(str(message.login or "an anonymous sender"))
            self._on_foreign = None
        now = time.time()
        stamped = stamp(
            self._overrides.apply(message),
            self._sender,
            message_id=uuid7(int(now * 1000), os.urandom(10)),
            now=int(now),
        )
        return stamped if self._sign is None else self._sign(stamped)


def signature_of(setup: Setup, target: Target, options: SendOptions, console: Console) -> Sign | None:
    """What signs each message, where ``--sign`` or ``Origin = signed`` in the CS asks for it; else None.

    Raises:
        UsageError: it must be signed, and no person sends it.
        CredentialError: the credential cannot sign, and there is no spool that keeps the messages nevertheless.
    """
    by_the_cs = isinstance(target.spec, QueueSpec) and target.spec.origin is OriginLevel.SIGNED
    if not options.sign and not by_the_cs:
        return None
    why = "--sign" if options.sign else f"Origin = signed ({target.spec.source})"
    if options.anonymous:
        raise UsageError(f"--anonymous cannot be: {target.spec.address} takes signed messages only, by {why}")
    if setup.login_name(target.service) is not None:
        raise UsageError(f"{why}: a server that logs in by name has no certificate to sign with")
    signature = _Signature(setup, target, many=options.many)
    if options.spool is None:
        signature.renew()
        return signature
    return _Lenient(signature, console)


class _Signature:
    """Signs, with a new key when the credential was renewed or the key ends soon: a run may outlive its proxy."""

    def __init__(self, setup: Setup, target: Target, *, many: bool) -> None:
        self._setup, self._target, self._many = setup, target, many
        self._signs_as: Identity | None = None
        self._looked = -_LOOK_EVERY

    def renew(self) -> None:
        """Make the key.

        Raises:
            CredentialError: the credential cannot sign.
        """
        self._signs_as = self._setup.identity
        self._signer = self._setup.signer(many=self._many)

    def connected(self) -> None:
        """Nothing new: the credential is looked at for each message."""

    def __call__(self, message: Message) -> Message:
        """Sign one message.

        Raises:
            CredentialError: the credential has ended, and there is no newer one.
        """
        if time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            self._setup.renew()
        if self._signs_as is not self._setup.identity or self._ends_before_it:
            self.renew()
        spec = self._target.spec
        return self._signer.sign(message, service=spec.service.name, destination=spec.address)

    @property
    def _ends_before_it(self) -> bool:
        """The key ends soon, and the credential does not."""
        ends = self._signer.not_after
        return ends - time.time() < _ENDS_SOON and ends < self._setup.identity.not_after


class _Lenient:
    """Signs while it can. Without a valid credential a message is kept unsigned: to lose it would be worse."""

    def __init__(self, sign: Sign, console: Console) -> None:
        self._sign, self._console = sign, console
        self._next = 0.0

    def connected(self) -> None:
        """Try again at once."""
        self._next = 0.0

    def __call__(self, message: Message) -> Message:
        """Sign one message, or return it as it is."""
        if time.monotonic() < self._next:
            return message
        try:
            return self._sign(message)
        except CredentialError as error:
            self._next = time.monotonic() + _LOOK_EVERY
            self._console.talk.state(f"messages are kept unsigned: {error}")
            return message
