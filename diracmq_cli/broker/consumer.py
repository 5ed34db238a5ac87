"""Take messages by basic.consume, never more than are wanted, even unsettled.

A broker hands a consumer as many unsettled messages as its prefetch count allows, and a new one for each that is
settled; whatever is handed over and given back unread has its delivery count raised (quorum queues), and other
consumers do not see it meanwhile. So a consumer that starts when ``wanted`` messages are still wanted gets a window
(prefetch) of at most half of that, and is cancelled before it would settle more than ``wanted - window``: it can
never have been handed more than ``wanted``. After the cancel, what is in hand is settled freely, and a new consumer
fetches the rest. Taking a thousand with a window of 200 costs some nine cancels.
"""

from __future__ import annotations

from pika import spec
from pika.amqp_object import Method

from diracmq_cli.broker.channel import Answer, Content
from diracmq_cli.broker.link import Link
from diracmq_cli.broker.receiver import BaseReceiver
from diracmq_cli.core.model import QueueSpec
from diracmq_cli.errors import UnknownDestination


class Consumer(BaseReceiver):
    """Takes at most ``limit`` messages of ``queue`` (None: no limit), with at most ``prefetch`` unsettled at a time.

    A caller that waits for another message while it holds a whole window unsettled gets it from a new consumer: the
    limit bounds what is held, the window does not.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        timeout: float,
        server_version: tuple[int, ...],
        limit: int | None,
        prefetch: int,
    ) -> None:
        self._limit = limit
        self._prefetch = prefetch
        self._taken = 0
        self._running = False
        self._cancel: Answer | None = None
        self._cancelled_by_broker = False
        self._window = 0
        self._budget: int | None = None
        self._held = 0
        super().__init__(link, queue, timeout, server_version)

    @property
    def _wanted(self) -> int | None:
        """How many more may be handed to us: what was given back is wanted again."""
        return None if self._limit is None else self._limit - self._taken - len(self._unsettled)

    @property
    def _exhausted(self) -> bool:
        return self._wanted == 0 and not self._arrived

    def _more(self, *, patient: bool) -> None:
        self._notice_cancel()
        if self._cancelled_by_broker:
            raise UnknownDestination(f"{self._what} was deleted while we were reading it")
        if self._cancel is not None:
            return
        if not self._running:
            self._start()
        elif patient and self._held >= self._window:
            self._ask_cancel()

    def _start(self) -> None:
        wanted = self._wanted
        if wanted == 0:
            return
        self._window = self._prefetch if wanted is None else max(1, min(self._prefetch, wanted // 2))
        self._budget = None if wanted is None else wanted - self._window
        self._held = 0
        self._consumer += 1
        self._running = True
        self._channel.ask(spec.Basic.Qos(prefetch_count=self._window), spec.Basic.QosOk)
        self._channel.ask(
            spec.Basic.Consume(queue=self._queue.name, consumer_tag=str(self._consumer), arguments={}),
            spec.Basic.ConsumeOk,
        )

    def _ask_cancel(self) -> Answer:
        cancel = spec.Basic.Cancel(consumer_tag=str(self._consumer))
        self._cancel = self._channel.ask(cancel, spec.Basic.CancelOk)
        return self._cancel

    def _notice_cancel(self) -> None:
        if self._cancel is not None and self._cancel.method is not None:
            self._cancel = None
            self._running = False

    def _halt(self) -> None:
        if not self._running:
            return
        cancel = self._cancel or self._ask_cancel()
        self._channel.result(cancel)
        self._notice_cancel()

    def _settle(self, tags: list[int], method: Method) -> None:
        own = sum(self._unsettled[tag] == self._consumer for tag in tags)
        if self._running and self._budget is not None:
            if own > self._budget:
                self._halt()
            self._budget -= own
        super()._settle(tags, method)
        self._held -= own
        if not isinstance(method, spec.Basic.Nack):
            self._taken += len(tags)

    def _on_content(self, content: Content) -> None:
        self._held += 1
        super()._on_content(content)

    def _on_method(self, method: Method) -> None:
        if isinstance(method, spec.Basic.Cancel):
            self._cancelled_by_broker = True
            self._running = False
