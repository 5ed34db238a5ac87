"""One AMQP channel: several questions may be under way, contents are put together, its end is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from pika import spec
from pika.amqp_object import Method

from diracmq_cli.broker.errors import refusal
from diracmq_cli.broker.frames import decode_content_header, decode_method, encode_method
from diracmq_cli.errors import ProtocolError

if TYPE_CHECKING:
    from diracmq_cli.broker.link import Link

M = TypeVar("M", bound=Method)
_WITH_CONTENT = (spec.Basic.Deliver, spec.Basic.GetOk, spec.Basic.Return)


class Content(NamedTuple):
    """A method that carries a message: the method, the encoded properties, the body."""

    method: Method
    properties: bytes
    body: bytes


class Closed(NamedTuple):
    """The broker's reason for closing the channel (AMQP channel.close)."""

    code: int
    text: str


class Answer:
    """An answer to come to ``question`` (a method's name); ``method`` is None until it has."""

    __slots__ = ("method", "question")

    def __init__(self, question: str) -> None:
        self.question = question
        self.method: Method | None = None


class Channel:
    """A channel on ``link``.

    Args:
        link: an open connection.
        what: what it serves, for errors: ``queue demo.jobs on dev``.
        on_content: takes each delivery, get-ok and return.
        on_method: takes each method that is neither content nor the answer to a question (ack, nack, cancel,
            get-empty).
    """

    def __init__(
        self,
        link: Link,
        what: str,
        *,
        on_content: Callable[[Content], None],
        on_method: Callable[[Method], None],
    ) -> None:
        self.link = link
        self.what = what
        self.closed: Closed | None = None
        self._on_content = on_content
        self._on_method = on_method
        self._questions: list[tuple[type[Method], Answer]] = []
        self._method: Method | None = None
        self._properties = b""
        self._missing = 0
        self._pieces: list[bytes] = []
        self.number = link.attach(self)
        self.ask(spec.Channel.Open(), spec.Channel.OpenOk)

    def send(self, method: Method) -> None:
        """Queue a method; nothing is waited for.

        Raises:
            MQError: the connection or this channel has ended (see ``check``).
        """
        self.check()
        self.link.put([encode_method(self.number, method)])

    def ask(self, method: Method, answer: type[Method]) -> Answer:
        """Queue a question; its answer is filled in when it comes.

        Questions of one kind are answered in order. Others need not be: a quorum queue's consume-ok may come after
        the answer to a later queue.declare.
        """
        pending = Answer(method.NAME.lower())
        self.send(method)
        self._questions.append((answer, pending))
        return pending

    def call(self, method: Method, answer: type[M]) -> M:
        """Ask, and wait for the answer, which is of class ``answer``.

        Raises:
            UnknownDestination: there is no such thing (404).
            PermissionDenied: we may not (403).
            BrokerLost: the connection has ended, or no answer came in time.
        """
        reply = self.result(self.ask(method, answer))
        assert isinstance(reply, answer)
        return reply

    def result(self, pending: Answer) -> Method:
        """Wait for an answer that was asked for; raises as ``call`` does."""
        self.wait(lambda: pending.method is not None)
        if pending.method is not None:
            return pending.method
        self.check()
        _, first = self._questions[0]  # which may have been asked before ``pending``
        raise self.link.fell_silent(first.question)

    def wait(self, done: Callable[[], bool]) -> None:
        """Turn the connection until ``done()``, the channel has ended, or the time for an answer has passed."""
        self.link.wait(lambda: done() or self.closed is not None, self.link.patience.deadline())

    def check(self) -> None:
        """Raise what ended the connection or this channel, if anything has.

        Raises:
            MQError: the class that fits the broker's reply code (see ``broker.errors.refusal``).
        """
        self.link.check()
        if self.closed is not None:
            raise refusal(self.closed.code, self.closed.text, self.what)

    def close(self) -> None:
        """Close the channel and wait until the broker has: what is unsettled is back in its queue.

        Raises:
            BrokerLost: the connection has ended, or no answer came in time.
        """
        if self.closed is None:
            self.call(spec.Channel.Close(200, "", 0, 0), spec.Channel.CloseOk)
            self.closed = Closed(200, "closed by us")
            self.link.detach(self.number)

    # -- frames ----------------------------------------------------------------------------------------------------

    def take(self, kind: int, payload: bytes) -> None:
        """Take one frame of this channel from the connection.

        Raises:
            ProtocolError: it does not belong here.
        """
        if kind == spec.FRAME_METHOD:
            method = decode_method(payload)
            if isinstance(method, _WITH_CONTENT):
                self._method = method
            else:
                self._take_method(method)
        elif kind == spec.FRAME_HEADER and self._method is not None:
            self._missing, self._properties = decode_content_header(payload)
            self._finish_content()
        elif kind == spec.FRAME_BODY and 0 < len(payload) <= self._missing:
            self._pieces.append(payload)
            self._missing -= len(payload)
            self._finish_content()
        else:
            raise ProtocolError("the broker sent a content frame that belongs to no message")

    def _finish_content(self) -> None:
        if self._missing or self._method is None:
            return
        content = Content(self._method, self._properties, b"".join(self._pieces))
        self._method = None
        self._pieces = []
        self._on_content(content)

    def _take_method(self, method: Method) -> None:
        if isinstance(method, spec.Channel.Close):
            self.link.put([encode_method(self.number, spec.Channel.CloseOk())])
            self.closed = Closed(method.reply_code, str(method.reply_text))
            self.link.detach(self.number)
        else:
            for question in self._questions:
                if isinstance(method, question[0]):
                    question[1].method = method
                    self._questions.remove(question)
                    return
            self._on_method(method)
