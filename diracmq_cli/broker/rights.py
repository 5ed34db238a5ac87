"""Ask a broker what we may do, without doing it (port ``BrokerProbe``).

RabbitMQ has no question for rights, so each is asked by a request that it must refuse, after it has looked at our
rights: then a 403 says that we may not, and the refusal that we provoked says that we may. Nothing is published, no
message leaves its queue, and nothing stays behind. Each question costs a channel, and the broker's log a line.

=======  ==========================================  =========================================================
write    basic.publish, ``user_id`` not ours         406 after the check of write, and it names whom it knows
take     basic.consume, ``x-priority`` no number     406 after the check of read
watch    queue.bind of a private queue               no trick: this is what ``tail`` does; it goes with us
=======  ==========================================  =========================================================
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pika import spec

from diracmq_cli.broker.channel import Answer as Pending
from diracmq_cli.broker.channel import Channel, Closed
from diracmq_cli.broker.frames import encode_content_header, encode_method
from diracmq_cli.broker.inspector import QueueInspector
from diracmq_cli.broker.waiting import Deadline
from diracmq_cli.core.probing import Answer, BrokerFacts

if TYPE_CHECKING:
    from diracmq_cli.broker.link import Link
    from diracmq_cli.core.ports import QueueStatus

_NOBODY = "dirac-mq check"
"""A name that no login can have, as it is neither a DN nor a server's; it tells operators what their log is about."""

_UNACCEPTABLE = b"".join(spec.BasicProperties(user_id=_NOBODY, expiration=_NOBODY).encode())
"""Wrong twice, for the tag ``impersonator`` lets any ``user_id`` pass."""

_KNOWN_AS = re.compile(r"(?:authenticated user was|refused for user) '(.*)'", re.DOTALL)

_DENIED, _MISSING, _LOCKED, _UNACCEPTED = 403, 404, 405, 406


class RightsProbe:
    """Asks on ``link``, which serves nothing else."""

    def __init__(self, link: Link) -> None:
        properties = link.server_properties or {}
        self._link = link
        self._login: str | None = None
        self.facts = BrokerFacts(
            product=_text(properties.get("product"), "a broker that does not say what it is"),
            version=_text(properties.get("version"), ""),
            local_address=link.transport.local_ip,
        )

    def login_name(self, timeout: float) -> str | None:
        """See ``core.probing.BrokerProbe``. Every refusal names us; the default exchange is there in every vhost."""
        if self._login is None:
            self.may_write("", timeout)
        return self._login

    def status(self, name: str, timeout: float) -> QueueStatus:
        """See ``core.probing.BrokerProbe``."""
        return QueueInspector(self._link).status([name], timeout)[0]

    def may_write(self, exchange: str, timeout: float) -> Answer:
        """See ``core.probing.BrokerProbe``. A broker that is blocked answers this first question, and no later one."""
        deadline = Deadline(timeout)
        channel = self._channel(f"exchange {exchange}")
        publish = spec.Basic.Publish(exchange=exchange, routing_key="", mandatory=True)
        channel.check()
        self._link.put(
            [encode_method(channel.number, publish), encode_content_header(channel.number, 0, _UNACCEPTABLE)]
        )
        closed = self._outcome(channel, None, deadline)
        channel = self._channel("broker")
        answer = channel.ask(spec.Channel.Flow(active=True), spec.Channel.FlowOk)
        self._link.wait(lambda: answer.method is not None or self._link.blocked is not None, deadline)
        return _answer(closed)

    def may_take(self, queue: str, timeout: float) -> Answer:
        """See ``core.probing.BrokerProbe``."""
        channel = self._channel(f"queue {queue}")
        consume = spec.Basic.Consume(queue=queue, arguments={"x-priority": _NOBODY})
        return _answer(self._outcome(channel, channel.ask(consume, spec.Basic.ConsumeOk), Deadline(timeout)))

    def may_watch(self, exchange: str, timeout: float) -> Answer:
        """See ``core.probing.BrokerProbe``. The queue takes no message, and ends with the connection if not before."""
        deadline = Deadline(timeout)
        channel = self._channel(f"exchange {exchange}")
        declare = spec.Queue.Declare(exclusive=True, auto_delete=True, arguments={"x-max-length": 0})
        declared = channel.ask(declare, spec.Queue.DeclareOk)
        closed = self._outcome(channel, declared, deadline)
        if not isinstance(declared.method, spec.Queue.DeclareOk):
            return _answer(closed)
        name = declared.method.queue
        bind = spec.Queue.Bind(queue=name, exchange=exchange, routing_key=_NOBODY, arguments={})
        bound = channel.ask(bind, spec.Queue.BindOk)
        closed = self._outcome(channel, bound, deadline)
        if bound.method is None:
            return _answer(closed)
        self._outcome(channel, channel.ask(spec.Queue.Delete(queue=name), spec.Queue.DeleteOk), deadline)
        return Answer(allowed=True)

    @property
    def blocked(self) -> str | None:
        """See ``core.probing.BrokerProbe``."""
        return self._link.blocked

    def close(self) -> None:
        """See ``core.probing.BrokerProbe``."""
        self._link.shut()

    def _channel(self, what: str) -> Channel:
        return Channel(self._link, what, on_content=_ignore, on_method=_ignore)

    def _outcome(self, channel: Channel, pending: Pending | None, deadline: Deadline) -> Closed | None:
        """Wait for an answer, or for the channel's end; None when there is no end."""
        self._link.wait(
            lambda: channel.closed is not None or (pending is not None and pending.method is not None), deadline
        )
        self._link.check()
        if channel.closed is not None:
            match = _KNOWN_AS.search(channel.closed.text)
            self._login = match[1] if match else self._login
        return channel.closed


def _answer(closed: Closed | None) -> Answer:
    """What the end of a channel says of our right."""
    if closed is None:
        return Answer(allowed=None, said="no answer in time")
    said = closed.text.partition(" - ")[2] or closed.text
    return Answer(
        allowed={_DENIED: False, _LOCKED: False, _UNACCEPTED: True}.get(closed.code),
        said=said,
        missing=closed.code == _MISSING,
    )


def _text(value: object, absent: str) -> str:
    return value if isinstance(value, str) else absent


def _ignore(_what: object) -> None:
    """Nothing is expected but answers."""
