"""Verify, wired: the stamps of saved envelopes, checked without a broker."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.identity import CredentialRequest, CredentialSettings
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.policy import AcceptancePolicy
from diracmq_cli.core.registry import Registry
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.credentials import TrustStore, locate_ca_directory
from diracmq_cli.errors import DataError, NothingThere, UsageError, VerificationError
from diracmq_cli.input import Saved, SavedEnvelopes, open_file, standard_input
from diracmq_cli.origin import Verifier
from diracmq_cli.output.verdicts import Judged, VerdictWriter
from diracmq_cli.wiring.acceptance import allowed_by_file
from diracmq_cli.wiring.setup import Choices, Setup

if TYPE_CHECKING:
    from diracmq_cli.wiring.console import Console

NO_ENVELOPE = "no-envelope"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """The flags of ``verify``; ``-`` among the files is standard input, ``max_age`` is in seconds."""

    files: tuple[str, ...]
    ca_directory: str | None = None
    max_age: float | None = None
    allow_dn: str | None = None

    def check(self) -> None:
        """Refuse files that make no sense together.

        Raises:
            UsageError: standard input is named twice.
        """
        if self.files.count("-") > 1:
            raise UsageError("standard input (-) can be read once only")


def run_verify(options: VerifyOptions, console: Console) -> None:
    """Write a verdict on every envelope of the files.

    Raises:
        DataError: one or more do not verify; all verdicts have been written.
        NothingThere: there was no envelope at all.
    """
    options.check()
    policy = _policy(options)
    verifier = Verifier(TrustStore(_ca_directory(options)), time.time)
    inputs = [SavedEnvelopes(standard_input() if file == "-" else open_file(file)) for file in options.files]
    writer = VerdictWriter(console.writer, console.look, json=console.json)
    total = refused = 0
    for saved in _all(inputs, writer, console):
        judged = _judge(saved, verifier, policy, options.max_age)
        writer.write(judged)
        total += 1
        refused += judged.verdict.level is None
    writer.flush()
    if console.stop.requested:
        return
    if not total:
        raise NothingThere(f"no envelope in {', '.join(options.files)}")
    if refused:
        raise DataError(f"{refused} of {total} messages do not verify")


def _judge(saved: Saved, verifier: Verifier, policy: AcceptancePolicy, max_age: float | None) -> Judged:
    delivery = saved.delivery
    code: str | None = None
    if delivery is None:
        verdict, code = Verdict(level=None, reason=f"no envelope: {saved.fault}"), NO_ENVELOPE
    else:
        try:
            # Who sent it is the broker's to say, and there is none here.
            verdict = verifier.verify(delivery, services={delivery.service}, max_age=max_age, login=False)
        except VerificationError as error:
            verdict, code = Verdict(level=None, reason=str(error)), error.reason.value
        else:
            refusal = policy.refusal(verdict)
            if refusal is not None:
                verdict, code = Verdict(level=None, reason=refusal.reason), refusal.code
    message_id = None if delivery is None else delivery.message.properties.message_id
    return Judged(file=saved.file, line=saved.line, message_id=message_id, verdict=verdict, code=code)


def _all(inputs: Sequence[SavedEnvelopes], writer: VerdictWriter, console: Console) -> Iterator[Saved]:
    """What the inputs hold, waiting where they have to be waited for, until a stop is asked for."""
    for source in inputs:
        while not console.stop.requested:
            batch = source.read()
            if batch is None:
                break
            yield from batch
            fd = source.fileno()
            if not batch and fd is not None:
                writer.flush()
                select.select([fd, console.stop.wake_fd], [], [])


def _ca_directory(options: VerifyOptions) -> str:
    """The CA directory; the configuration is read only where neither flag nor environment names one."""
    request = CredentialRequest(ca_directory=options.ca_directory)
    environment = dict(os.environ)
    if options.ca_directory or environment.get("X509_CERT_DIR"):
        return locate_ca_directory(request, CredentialSettings(), environment)
    return locate_ca_directory(request, Setup(Choices()).cs.local.security, environment)


def _policy(options: VerifyOptions) -> AcceptancePolicy:
    allowed = [] if options.allow_dn is None else [allowed_by_file(options.allow_dn)]
    return AcceptancePolicy.of(OriginLevel.SIGNED, allowed, Registry())
