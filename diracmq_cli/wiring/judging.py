"""The judge of a queue's messages: the way they came, and the signature where one is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.core.cached import cached_property
from diracmq_cli.core.moved import Movers
from diracmq_cli.core.refusal import Distrust, Refusal
from diracmq_cli.core.stamp import STAMP_HEADER
from diracmq_cli.core.verdict import Route, Verdict, judge
from diracmq_cli.errors import CredentialError, VerificationError

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.origin import Verifier
    from diracmq_cli.wiring.setup import Setup


def judge_for(queue: QueueSpec, setup: Setup, max_age: float | None = None) -> Callable[[Delivery], Verdict]:
    """A function that judges deliveries of ``queue``; it never raises for what a publisher has put there.

    ``max_age`` is as for ``max_age_of``.
    """
    return _Judge(queue, setup, max_age)


def max_age_of(queue: QueueSpec, wanted: float | None) -> float:
    """For how many seconds a signature counts: as ``wanted``, else as long as the queue keeps its messages."""
    from diracmq_cli.origin.verify import DEFAULT_MAX_AGE

    if wanted is not None:
        return wanted
    return queue.message_ttl or DEFAULT_MAX_AGE


class _Judge:
    """Judges the route first, then the stamp: a message that is wrong in either way is wrong."""

    def __init__(self, queue: QueueSpec, setup: Setup, max_age: float | None) -> None:
        self._queue, self._setup, self._wanted_age = queue, setup, max_age
        self._route = Route.to(queue, setup.model)
        self._movers = Movers.on_the_way_to(queue, setup.model, lambda: self._registry)
        self._services = {queue.service.name} | {
            service.name for service in setup.model.services if service.same_broker(queue.service)
        }

    def __call__(self, delivery: Delivery) -> Verdict:
        verdict = judge(delivery, self._route, self._movers)
        if verdict.level is None or STAMP_HEADER not in delivery.message.headers:
            return verdict
        moved_by = verdict.moved_by
        try:
            signed = self._verifier.verify(
                delivery, services=self._services, max_age=self._max_age, login=moved_by is None
            )
            return replace(signed, moved_by=moved_by)
        except VerificationError as error:
            if moved_by is not None and error.reason is Refusal.DESTINATION:
                return verdict  # moved to another queue than its signer meant: the signature says nothing about here
            return Verdict(level=None, reason=str(error), code=error.reason.value)
        except CredentialError as error:  # no CA directory: nobody's signature can be believed
            reason = f"signed, and cannot be verified: {error}"
            return Verdict(level=None, reason=reason, code=Distrust.UNVERIFIABLE.value)

    @cached_property
    def _max_age(self) -> float:
        return max_age_of(self._queue, self._wanted_age)

    @cached_property
    def _registry(self) -> Registry:
        """Read for the first moved message."""
        from diracmq_cli.config import read_registry

        return read_registry(self._setup.configuration)

    @cached_property
    def _verifier(self) -> Verifier:
        """Made for the first signed message: who reads unsigned ones need not pay for it."""
        from diracmq_cli.credentials import TrustStore
        from diracmq_cli.origin import Verifier

        return Verifier(TrustStore(self._setup.ca_directory), time.time)
