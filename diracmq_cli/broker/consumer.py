"""Take messages by basic.consume, never more than are wanted, even unsettled.

A broker hands a consumer as many unsettled messages as its prefetch count allows, and a new one for each that is
settled; whatever is handed over and given back unread has its delivery count raised (quorum queues), and other
consumers do not see it meanwhile. So a consumer that starts when ``wanted`` messages are still wanted gets a window
(prefetch) of at most half of that, and is cancelled before it would settle more than ``wanted - window``: it can
never have been handed more than ``wanted``. After the cancel, what is in hand is settled freely, and a new consumer
fetches the rest. Taking a thousand with a window of 200 costs some nine cancels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pika import spec

from diracmq_cli.broker.receiver import BaseReceiver

if TYPE_CHECKING:
    from pika.amqp_object import Method

    from diracmq_cli.broker.channel import Answer, Content
    from diracmq_cli.broker.link import Link
    from diracmq_cli.core.model import QueueSpec


class Consumer(BaseReceiver):
    """Takes at most ``limit`` messages of ``queue`` (None: no limit), with at most ``prefetch`` unsettled at a time.

    A caller that waits for another message while it holds a whole window unsettled gets it from a new consumer: the
    limit bounds what is held, the window does not.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        server_version: tuple[int, ...],
        limit: int | None,
        prefetch: int,
    ) -> None:
        self._prefetch = prefetch
        self._running = False
        self._stopping: Answer | None = None
        self._cancelled_by_broker = False
        self._window = 0
        self._budget: int | None = None
        self._held = 0
        super().__init__(link, queue, server_version, limit)

    def _more(self, *, patient: bool) -> None:
        self._advance_stop()
        if self._cancelled_by_broker:
            self._raise_cancelled()
        if self._stopping is not None:
            return
        if not self._running:
            self._start()
        elif patient and self._held >= self._window:
            self._stop()

    def _start(self) -> None:
        wanted = self._wanted
        if wanted == 0:
            return
        self._window = self._window_for(wanted)
        self._budget = None if wanted is None else wanted - self._window
        self._held = 0
        self._consumer += 1
        self._running = True
        self._channel.ask(spec.Basic.Qos(prefetch_count=self._window), spec.Basic.QosOk)
        self._channel.ask(
            spec.Basic.Consume(queue=self._queue.name, consumer_tag=self._consumer_tag, arguments={}),
            spec.Basic.ConsumeOk,
        )

    def _window_for(self, wanted: int | None) -> int:
        return self._prefetch if wanted is None else max(1, min(self._prefetch, wanted // 2))

    @property
    def _consumer_tag(self) -> str:
        """Sorts as the consumers were started: a quorum queue gives their messages back in that order."""
        return f"{self._consumer:08}"

    def _stop(self) -> None:
        """Ask the broker to end the flow; ``_advance_stop`` sees it through."""
        cancel = spec.Basic.Cancel(consumer_tag=self._consumer_tag)
        self._stopping = self._channel.ask(cancel, spec.Basic.CancelOk)

    def _advance_stop(self) -> None:
        """Take note of the answers: after cancel-ok, a quorum queue's last deliveries may still be on their way.

        The broker's channel has them in hand by then, so they come before its answer to a further question.
        """
        reply = None if self._stopping is None else self._stopping.method
        if isinstance(reply, spec.Basic.CancelOk):
            self._stopping = self._channel.ask(spec.Basic.Qos(prefetch_count=self._window), spec.Basic.QosOk)
        elif isinstance(reply, spec.Basic.QosOk):
            self._stopping = None
            self._running = False

    def _halt(self) -> None:
        if self._running and self._stopping is None:
            self._stop()
        while self._stopping is not None:
            self._channel.result(self._stopping)
            self._advance_stop()

    def _settle(self, tags: list[int], method: Method) -> None:
        own = sum(self._unsettled[tag] == self._consumer for tag in tags)
        if self._running and self._budget is not None:
            if own > self._budget:
                self._halt()
            self._budget -= own
        super()._settle(tags, method)
        self._held -= own

    def want_more(self) -> None:
        """See ``core.ports.Receiver``; the consumer that runs now may bring one more, too."""
        super().want_more()
        if self._budget is not None:
            self._budget += 1

    def _on_content(self, content: Content) -> None:
        self._held += 1
        super()._on_content(content)

    def _on_method(self, method: Method) -> None:
        if isinstance(method, spec.Basic.Cancel):
            self._cancelled_by_broker = True
            self._running = False
