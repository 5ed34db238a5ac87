"""Follow without taking: a stream from an offset, or copies of what reaches a queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pika import spec

from diracmq_cli.broker.receiver import BaseReceiver
from diracmq_cli.errors import UsageError

if TYPE_CHECKING:
    from pika.amqp_object import Method

    from diracmq_cli.broker.channel import Answer
    from diracmq_cli.broker.link import Link
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import QueueSpec

_TAIL_PREFETCH = 200

_BETWEEN_LOOKS = 3
"""Windows of messages that may come between two looks at a private queue, at most: an answer is asked for with each
acknowledgement, unless one is still to come."""


class _Subscription(BaseReceiver):
    """One consumer from beginning to end; an ack only asks for more, and nothing has to be put back."""

    _cancelled_by_broker = False

    def _subscribe(self, name: str, prefetch: int, arguments: dict[str, Any]) -> None:
        self._channel.call(spec.Basic.Qos(prefetch_count=prefetch), spec.Basic.QosOk)
        self._channel.call(spec.Basic.Consume(queue=name, arguments=arguments), spec.Basic.ConsumeOk)

    def _more(self, *, patient: bool) -> None:  # noqa: ARG002  (the broker sends what there is of itself)
        if self._cancelled_by_broker:
            self._raise_cancelled()

    def _halt(self) -> None:
        """Nothing has to stop: what still comes is forgotten with the rest."""

    def put_back(self) -> None:
        """See ``core.ports.Receiver``: nothing was taken."""
        self._arrived.clear()
        self._unsettled.clear()

    def _on_method(self, method: Method) -> None:
        if isinstance(method, spec.Basic.Cancel):
            self._cancelled_by_broker = True


class StreamReader(_Subscription):
    """Reads a stream from ``offset``: ``first``, ``last``, ``next``, a number, or a time as RFC 3339 has it.

    Raises:
        UsageError: ``offset`` is none of these.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        server_version: tuple[int, ...],
        offset: str | int,
        prefetch: int,
    ) -> None:
        start = _stream_offset(offset)
        super().__init__(link, queue, server_version)
        self._subscribe(queue.name, prefetch, {"x-stream-offset": start})


class Tail(_Subscription):
    """Follows a queue's tap through a private queue that drops its oldest message when it is full.

    A broker does not say what it drops. So the queue's length is asked for again and again: between two answers it can
    have shrunk by a few windows only, so that one that was full does not go unnoticed.
    """

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        server_version: tuple[int, ...],
        patterns: Sequence[str],
        bound: int,
        on_full: Callable[[], None],
    ) -> None:
        if queue.tap is None:
            raise UsageError(f"{queue.address} is a stream, which has no tap: read it from an offset")
        super().__init__(link, queue, server_version)
        declare = spec.Queue.Declare(
            exclusive=True, auto_delete=True, arguments={"x-max-length": bound, "x-overflow": "drop-head"}
        )
        self._name = name = str(self._channel.call(declare, spec.Queue.DeclareOk).queue)
        for pattern in patterns:
            bind = spec.Queue.Bind(queue=name, exchange=queue.tap, routing_key=pattern, arguments={})
            self._channel.call(bind, spec.Queue.BindOk)
        prefetch = min(_TAIL_PREFETCH, max(1, bound // 2 // _BETWEEN_LOOKS))
        self._bound, self._nearly_full, self._on_full = bound, bound - _BETWEEN_LOOKS * prefetch, on_full
        self._told = False
        self._look: Answer | None = None
        self._subscribe(name, prefetch, {})

    def ack(self, delivery: Delivery) -> None:
        """See ``core.ports.Receiver``; what is read next makes room in the queue, so it is looked at before."""
        self._see()
        if self._look is None:
            question = spec.Queue.Declare(queue=self._name, passive=True, arguments={})
            self._look = self._channel.ask(question, spec.Queue.DeclareOk)
        super().ack(delivery)

    def _more(self, *, patient: bool) -> None:
        self._see()
        super()._more(patient=patient)

    def _see(self) -> None:
        answer = None if self._look is None else self._look.method
        if not isinstance(answer, spec.Queue.DeclareOk):
            return
        self._look = None
        waiting = int(answer.message_count)
        if waiting >= self._nearly_full and not self._told:
            self._told = True
            self._on_full()
        elif waiting < self._bound // 2:
            self._told = False


def _stream_offset(offset: str | int) -> str | int | datetime:
    if isinstance(offset, int) or offset in ("first", "last", "next"):
        return offset
    try:
        moment = datetime.fromisoformat(offset)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise UsageError(
            f"{offset!r} is no place in a stream",
            hint="give first, last, next, a number, or a time such as 2026-11-24T01:58:03Z",
        )
    return moment
