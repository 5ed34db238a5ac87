"""Follow without taking: a stream from an offset, or copies of what reaches a queue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pika import spec
from pika.amqp_object import Method

from diracmq_cli.broker.link import Link
from diracmq_cli.broker.receiver import BaseReceiver
from diracmq_cli.core.model import QueueSpec
from diracmq_cli.errors import UnknownDestination, UsageError

_TAIL_PREFETCH = 200


class _Subscription(BaseReceiver):
    """One consumer from beginning to end; an ack only asks for more, and nothing has to be put back."""

    _cancelled_by_broker = False

    def _subscribe(self, name: str, prefetch: int, arguments: dict[str, Any]) -> None:
        self._channel.call(spec.Basic.Qos(prefetch_count=prefetch), spec.Basic.QosOk)
        self._channel.call(spec.Basic.Consume(queue=name, arguments=arguments), spec.Basic.ConsumeOk)

    def _more(self, *, patient: bool) -> None:  # noqa: ARG002  (the broker sends what there is of itself)
        if self._cancelled_by_broker:
            raise UnknownDestination(f"{self._what} was deleted while we were reading it")

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
    """Follows a queue's tap through a private queue that drops its oldest message when it is full."""

    def __init__(
        self,
        link: Link,
        queue: QueueSpec,
        server_version: tuple[int, ...],
        patterns: Sequence[str],
        bound: int,
    ) -> None:
        if queue.tap is None:
            raise UsageError(f"{queue.address} is a stream, which has no tap: read it from an offset")
        super().__init__(link, queue, server_version)
        declare = spec.Queue.Declare(
            exclusive=True, auto_delete=True, arguments={"x-max-length": bound, "x-overflow": "drop-head"}
        )
        name = str(self._channel.call(declare, spec.Queue.DeclareOk).queue)
        for pattern in patterns:
            bind = spec.Queue.Bind(queue=name, exchange=queue.tap, routing_key=pattern, arguments={})
            self._channel.call(bind, spec.Queue.BindOk)
        self._subscribe(name, _TAIL_PREFETCH, {})


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
