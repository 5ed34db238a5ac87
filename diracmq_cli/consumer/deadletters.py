"""Where a message goes that is given up: to the dead-letter queue with the reason, where we may say it."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Handled, Outcome, Settlement
from diracmq_cli.core.moved import logins
from diracmq_cli.core.redrive import Left, Transfer
from diracmq_cli.errors import MQError, TemporaryFailure

if TYPE_CHECKING:
    from diracmq_cli.consumer.source import Source
    from diracmq_cli.consumer.worklist import Task
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.ports import Publisher
    from diracmq_cli.core.redrive import Onward
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.wiring.setup import Setup

TIMEOUT = 30.0
"""Seconds for one dead letter, login and confirm."""

MAX_REASON = 1000
"""Characters of a reason that are kept."""

_log = logging.getLogger("dirac-consumer")


class DeadLetters:
    """Gives messages up, for one thread.

    The broker's own dead-lettering (basic.reject) adds no reason. So a consumer that is among the ``Movers`` of the
    dead-letter queue publishes the message there itself, as ``dirac-mq move`` would, with the reason in
    ``dirac-moved``, and acknowledges it once that is confirmed. For any other the broker does it, and the reason is in
    the log alone.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._targets: dict[str, Transfer | None] = {}

    def give_up(self, task: Task, reason: str) -> bool:
        """Give one message up; False when its connection was lost meanwhile, so that it comes again.

        Raises:
            MQError: it could not be published; it is still in hand.
        """
        reason = reason[:MAX_REASON]
        transfer = self._transfer(task.source)
        step = None if transfer is None else transfer(task.held.delivery, task.held.verdict, reason)
        if step is None or isinstance(step, Left):
            return task.held.settle(Handled(settlement=Settlement.REJECT, detail=reason))
        self._publish(step)
        return task.held.settle(Handled(settlement=Settlement.ACK, detail="dead-lettered"))

    def explains(self, source: Source) -> bool:
        """Whether dead letters of that queue bear their reason."""
        return source.rejects_to_directory or self._transfer(source) is not None

    def _transfer(self, source: Source) -> Transfer | None:
        if source.address not in self._targets:
            self._targets[source.address] = self._find(source)
        return self._targets[source.address]

    def _find(self, source: Source) -> Transfer | None:
        if source.rejects_to_directory:
            return None
        target = self._dead_letter_queue(source.queue)
        if target is None:
            return None

        @cache
        def registry() -> Registry:
            from diracmq_cli.config import read_registry

            return read_registry(self._setup.configuration)

        login = self._setup.login_name(target.service) or self._setup.identity.dn
        return Transfer(source.queue, target, login) if login in logins(target.movers, registry) else None

    def _dead_letter_queue(self, queue: QueueSpec) -> QueueSpec | None:
        for other in self._setup.model.queues:
            if other.name == queue.dead_letter_queue and other.service.same_broker(queue.service):
                return other
        return None

    def _publish(self, step: Onward) -> None:
        end = time.monotonic() + TIMEOUT
        session = self._setup.open(step.target.service, timeout=TIMEOUT)
        try:
            publisher: Publisher = session.publisher(max_messages=1)
            publisher.publish(step.target.exchange, step.message)
            while (left := end - time.monotonic()) > 0:
                for receipt in publisher.turn(left):
                    if receipt.outcome is Outcome.CONFIRMED:
                        return
                    raise MQError(f"{step.target.address} did not take a dead letter: {receipt.outcome.value}")
            raise TemporaryFailure(f"{step.target.address} did not confirm a dead letter in {TIMEOUT:.0f}s")
        finally:
            session.close()
