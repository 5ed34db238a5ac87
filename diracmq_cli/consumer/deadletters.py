"""Where a message goes that is given up: to the dead-letter queue with the reason, where we may say it."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import TYPE_CHECKING

from diracmq_cli.core.message import Outcome, Settlement
from diracmq_cli.core.moved import logins
from diracmq_cli.core.redrive import Left, Transfer
from diracmq_cli.errors import BrokerUnreachable, MQError, PermissionDenied, TemporaryFailure, Unroutable

if TYPE_CHECKING:
    from diracmq_cli.consumer.source import Source
    from diracmq_cli.consumer.worklist import Task
    from diracmq_cli.core.model import BrokerService, QueueSpec
    from diracmq_cli.core.ports import Publisher
    from diracmq_cli.core.redrive import Onward
    from diracmq_cli.core.registry import Registry
    from diracmq_cli.wiring.setup import Setup

TIMEOUT = 30.0
"""Seconds for one dead letter, login and confirm."""

REST = 10.0
"""Seconds for which a connection is kept: nobody answers its heartbeats meanwhile."""

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
        self._transfers: dict[str, Transfer | None] = {}
        self._publisher: Publisher | None = None
        self._service: BrokerService | None = None
        self._used = 0.0

    def take(self, task: Task, reason: str) -> Settlement:
        """Give one message up; how it is to be settled then.

        Raises:
            MQError: it could not be published.
        """
        transfer = self._transfer(task.source)
        step = None if transfer is None else transfer(task.held.delivery, task.held.verdict, reason)
        if step is None or isinstance(step, Left):
            return Settlement.REJECT
        try:
            self._publish(step)
        except PermissionDenied as error:
            _log.warning("%s; from now on the broker dead-letters, without a reason", error)
            self._transfers[task.source.address] = None
            return Settlement.REJECT
        return Settlement.ACK

    def rest(self) -> None:
        """Nothing happens now: close a connection that was not used lately."""
        if self._publisher is not None and time.monotonic() - self._used > REST:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()

    def _transfer(self, source: Source) -> Transfer | None:
        if source.address not in self._transfers:
            self._transfers[source.address] = self._find(source)
        return self._transfers[source.address]

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
        if login in logins(target.movers, registry):
            return Transfer(source.queue, target, login)
        _log.info("%s is not among the Movers of %s: dead letters bear no reason", login, target.address)
        return None

    def _dead_letter_queue(self, queue: QueueSpec) -> QueueSpec | None:
        for other in self._setup.model.queues:
            if other.name == queue.dead_letter_queue and other.service.same_broker(queue.service):
                return other
        return None

    def _publish(self, step: Onward) -> None:
        self.rest()
        fresh = self._publisher is None or self._service != step.target.service
        try:
            self._publish_over(self._connected(step.target.service), step)
        except BrokerUnreachable:
            self.close()
            if fresh:
                raise
            self._publish_over(self._connected(step.target.service), step)
        except MQError:
            self.close()
            raise

    def _connected(self, service: BrokerService) -> Publisher:
        if self._publisher is None or self._service != service:
            self.close()
            self._setup.renew()
            session = self._setup.open(service, timeout=TIMEOUT)
            self._publisher, self._service = session.publisher(max_messages=1), service
        return self._publisher

    def _publish_over(self, publisher: Publisher, step: Onward) -> None:
        end = time.monotonic() + TIMEOUT
        publisher.publish(step.target.exchange, step.message)
        while (left := end - time.monotonic()) > 0:
            for receipt in publisher.turn(left):
                self._used = time.monotonic()
                if receipt.outcome is Outcome.CONFIRMED:
                    return
                kind = Unroutable if receipt.outcome is Outcome.RETURNED else TemporaryFailure
                raise kind(f"{step.target.address} did not take a dead letter: {receipt.reason or receipt.outcome}")
        raise TemporaryFailure(f"{step.target.address} did not confirm a dead letter in {TIMEOUT:.0f}s")
