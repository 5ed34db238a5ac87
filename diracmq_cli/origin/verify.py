"""Verify signed messages: whose they are, and that they are what was signed. One error for any bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.jws import read_header, split
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.quantity import format_duration
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.stamp import STAMP_HEADER
from diracmq_cli.core.stampfields import StampFields, check_fields
from diracmq_cli.core.stamppayload import decode_payload
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.credentials import TrustStore, VerifiedChain

FUTURE = 300.0
"""Seconds that a sender's clock may be ahead of ours."""

DEFAULT_MAX_AGE = 7 * 86400.0
"""Seconds that a signed message is believed where neither ``--max-age`` nor the queue's MessageTTL says otherwise."""

_REMEMBERED = 4096
"""Chains whose verdict is kept; one of them takes some kilobytes."""


@dataclass(frozen=True, slots=True)
class _Refused:
    """The remembered refusal of a chain."""

    reason: Refusal
    text: str


class Verifier:
    """Verifies stamps by a store of trusted CAs.

    The verdict on each header (algorithm and chain) is remembered under its SHA-256 for as long as the trust store's
    epoch lasts, so that of the messages of one run only the first costs more than its own signature.
    """

    def __init__(self, trust: TrustStore, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds since the epoch, as ``time.time`` does."""
        self._trust = trust
        self._clock = clock
        self._epoch: int | None = None
        self._chains: dict[bytes, VerifiedChain | _Refused] = {}

    def verify(
        self,
        delivery: Delivery,
        *,
        services: Collection[str],
        max_age: float | None = DEFAULT_MAX_AGE,
        login: bool = True,
    ) -> Verdict:
        """Say who signed a delivery.

        Args:
            delivery: as it came.
            services: the names under which the CS knows this broker.
            max_age: seconds that may have passed since it was signed; None for any number.
            login: ask that the broker's ``user_id`` be the signer's, for otherwise any reader could send it again.
                Not for saved messages, nor for what a Mover has put back.

        Raises:
            VerificationError: it is not signed, or its stamp does not prove that.
        """
        if delivery.defect is not None:
            raise VerificationError(Refusal.MALFORMED_MESSAGE, f"malformed headers: {delivery.defect}")
        stamp = delivery.message.headers.get(STAMP_HEADER)
        if stamp is None:
            raise VerificationError(Refusal.NO_STAMP, "it is not signed")
        if not isinstance(stamp, str):
            raise VerificationError(Refusal.STAMP_TYPE, "the stamp is not a string")
        now = self._clock()
        compact = split(stamp)
        hashed = hashlib.sha256(compact.header)
        chain = self._chain(compact.header, hashed.digest(), now)
        hashed.update(b"." + compact.encoded_payload)
        if not chain.key.verifies(hashed.digest(), compact.signature):
            raise VerificationError(Refusal.SIGNATURE, "the signature is not the signer's over this")
        signed = decode_payload(compact.payload)
        _check_signer(signed, chain)
        _check_age(signed.time, now, max_age)
        check_fields(signed, delivery, services=services)
        if login and delivery.message.properties.user_id != chain.dn:
            raise VerificationError(Refusal.USER_ID, _replayed(delivery, chain))
        return Verdict(level=OriginLevel.SIGNED, dn=chain.dn)

    def _chain(self, header: bytes, digest: bytes, now: float) -> VerifiedChain:
        """The verdict on a header, remembered or new."""
        epoch = self._trust.epoch(now)
        if epoch != self._epoch:
            self._chains.clear()
            self._epoch = epoch
        verdict = self._chains.get(digest)
        if verdict is None:
            verdict = self._judge(header, now)
            if len(self._chains) == _REMEMBERED:
                del self._chains[next(iter(self._chains))]
            self._chains[digest] = verdict
        if isinstance(verdict, _Refused):
            raise VerificationError(verdict.reason, verdict.text)
        return verdict

    def _judge(self, encoded: bytes, now: float) -> VerifiedChain | _Refused:
        try:
            header = read_header(encoded)
            chain = self._trust.verify_chain(header.chain, now=now)
            if chain.key.algorithm is not header.algorithm:
                raise VerificationError(
                    Refusal.ALGORITHM_MISMATCH, f"the stamp says {header.algorithm}, which the signer's key cannot do"
                )
        except VerificationError as error:
            return _Refused(Refusal(error.reason), str(error))
        return chain


def _check_signer(signed: StampFields, chain: VerifiedChain) -> None:
    if signed.dn != chain.dn:
        raise VerificationError(Refusal.SIGNER, f"speaks for {signed.dn} but was signed by {chain.dn}")
    chain.check_time(signed.time)


def _check_age(signed_at: float, now: float, max_age: float | None) -> None:
    if signed_at > now + FUTURE:
        raise VerificationError(
            Refusal.IN_FUTURE, f"was signed {format_duration(signed_at - now)} from now: is a clock wrong?"
        )
    if max_age is not None and now - signed_at > max_age:
        raise VerificationError(
            Refusal.TOO_OLD, f"was signed {format_duration(now - signed_at)} ago, more than {format_duration(max_age)}"
        )


def _replayed(delivery: Delivery, chain: VerifiedChain) -> str:
    login = delivery.message.properties.user_id
    sender = "somebody whom the broker does not name" if login is None else str(login)
    return f"was signed by {chain.dn} but sent by {sender}"
