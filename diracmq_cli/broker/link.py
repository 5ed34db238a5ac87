"""One AMQP connection: pika's handshake, tuning and heartbeats over our transport, turned by us.

pika's adapters either block without a deadline or own the loop; this one does neither: ``wait`` turns it until a
condition holds, a descriptor is readable, a signal came, or a deadline passed. Channels are ours too
(``broker.channel``): pika's cannot have two questions under way, which pipelined gets and declares need.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import pika.connection
from pika import frame, spec

from diracmq_cli.broker.errors import Ending, Party, lost
from diracmq_cli.broker.frames import FrameReader, decode_method
from diracmq_cli.broker.timers import Timer, Timers
from diracmq_cli.broker.waiting import Deadline, Patience, drain, milliseconds
from diracmq_cli.errors import BrokerLost, MQError

if TYPE_CHECKING:
    from diracmq_cli.broker.channel import Channel
    from diracmq_cli.broker.transport import Transport

_FLUSH_ABOVE = 256 * 1024
_FAREWELL = 1.0
_BREATH = 0.5


class Link(pika.connection.Connection):  # type: ignore[misc]  # pika ships no types
    """A connection over ``transport``; ``open`` does the AMQP handshake. ``patience`` is for answers after that."""

    def __init__(
        self, transport: Transport, parameters: pika.connection.Parameters, party: Party, wake_fd: int | None
    ) -> None:
        self.transport = transport
        self.party = party
        self.ending: Ending | None = None
        self.blocked: str | None = None
        self.woken = False
        self.patience = Patience(_FAREWELL)
        self._silent = False
        self._wake_fd = wake_fd
        self._timers = Timers()
        self._frames = FrameReader()
        self._listeners: dict[int, Channel] = {}
        self._terminating = False
        self._turned = self.heard = time.monotonic()
        super().__init__(parameters, on_open_error_callback=lambda *_: None, internal_connection_workflow=False)
        self.add_on_connection_blocked_callback(self._on_blocked)
        self.add_on_connection_unblocked_callback(self._on_unblocked)

    # -- turning ---------------------------------------------------------------------------------------------------

    def wait(
        self, done: Callable[[], bool], deadline: Deadline, *, fd: int | None = None, heed_wake: bool = False
    ) -> bool:
        """Turn until ``done()``, ``fd`` is readable, the connection has ended, or the deadline has passed.

        Returns whether ``fd`` is readable.

        What is already here is taken first, without blocking, whatever the deadline. A signal is remembered in
        ``woken`` (so one that comes before the wait is not lost); with ``heed_wake`` it ends the wait and is
        forgotten.
        """
        pause = 0.0
        while True:
            readable = self._turn(pause, fd)
            if heed_wake and self.woken:
                self.woken = False
                return readable
            if readable or self.ending is not None or done():
                return readable
            pause = deadline.remaining
            if not pause:
                return False

    def breathe(self) -> None:
        """Turn once, without blocking, if that was last done some time ago: a busy caller must not lose heartbeats."""
        if time.monotonic() - self._turned > _BREATH:
            self._turn(0.0, None)

    def put(self, frames: Iterable[bytes]) -> None:
        """Queue encoded frames; they are sent by the next turn, or at once when many are waiting."""
        for octets in frames:
            self.transport.write(octets)
            self.bytes_sent += len(octets)
        if self.transport.queued > _FLUSH_ABOVE:
            self.flush()

    def flush(self) -> None:
        """Send what the kernel takes now."""
        try:
            self.transport.flush()
        except OSError as error:
            self._lose(self._last_word() or error)

    def _turn(self, pause: float, fd: int | None) -> bool:
        """One pass: send, wait at most ``pause`` seconds, receive, run timers. True when ``fd`` is readable."""
        self._turned = time.monotonic()
        if self.ending is None:
            self.flush()
        if self.ending is not None:
            return False
        poll = select.poll()
        own = self.transport.fileno()
        poll.register(own, select.POLLIN | (select.POLLOUT if self.transport.queued else 0))
        for other in (fd, self._wake_fd):
            if other is not None:
                poll.register(other, select.POLLIN)
        if self.transport.readable_now or self._terminating:
            pause = 0.0
        ready = dict(poll.poll(milliseconds(min(pause, self._timers.due_in))))
        if self._wake_fd in ready:
            drain(self._wake_fd)
            self.woken = True
        if ready.get(own, 0) & ~select.POLLOUT or self.transport.readable_now:
            self._receive()
        if ready.get(own, 0) & select.POLLOUT:
            self.flush()
        self._timers.run()
        if self._terminating:
            self._on_stream_terminated(None)
        return fd is not None and fd in ready

    def _receive(self) -> None:
        try:
            self._on_data_available(self.transport.read())
        except (OSError, MQError) as error:
            self._lose(error)

    def _last_word(self) -> BaseException | None:
        """What the other side said before it closed: a TLS alert explains more than our broken pipe."""
        try:
            self._on_data_available(self.transport.read())
        except (OSError, MQError) as error:
            return error
        cause: BaseException | None = self._error
        return cause

    def _lose(self, error: BaseException) -> None:
        if not self._terminating and self.ending is None:
            self._on_stream_terminated(error)

    # -- life ------------------------------------------------------------------------------------------------------

    def open(self, deadline: Deadline) -> None:
        """Log in and open the virtual host; afterwards ``is_open``, or ``ending`` says why not, or time ran out."""
        self._on_stream_connected()
        self.wait(lambda: self.is_open or self.woken, deadline)

    def check(self) -> None:
        """Raise what ended the connection, if it has ended.

        Raises:
            BrokerLost: it has; a more telling class where the broker said why (see ``broker.errors.lost``).
        """
        if self.ending is not None:
            raise lost(self.ending, self.party) from self.ending.cause

    def fell_silent(self, question: str) -> BrokerLost:
        """The error for a broker that was given its time and has not answered ``question``; nothing more is expected of
        it, a farewell neither."""
        self._silent = True
        return BrokerLost(f"{self.party.peer} did not answer {question} in time")

    def shut(self) -> None:
        """Say goodbye, wait a second at most for the answer, and close. Never raises."""
        if self.ending is None and self.is_open and not self._silent:
            self.close()
            self.wait(lambda: False, Deadline(_FAREWELL))
        if self.ending is None:
            self._lose(BrokerLost("closed"))

    # -- channels --------------------------------------------------------------------------------------------------

    def attach(self, channel: Channel) -> int:
        """Give ``channel`` a free number, under which it gets its frames."""
        number = next(n for n in range(1, self.params.channel_max + 1) if n not in self._listeners)
        self._listeners[number] = channel
        return number

    def detach(self, number: int) -> None:
        """Free a channel's number: both sides have closed it."""
        self._listeners.pop(number, None)

    @property
    def frame_max(self) -> int:
        """The longest frame that the broker takes, in octets."""
        return int(self.params.frame_max)

    # -- what pika asks of an adapter ------------------------------------------------------------------------------

    def _adapter_emit_data(self, data: bytes) -> None:
        self.transport.write(data)

    def _adapter_call_later(self, delay: float, callback: Callable[[], object]) -> Timer:
        return self._timers.call_later(delay, callback)

    def _adapter_remove_timeout(self, timeout_id: Timer) -> None:
        timeout_id.cancel()

    def _adapter_add_callback_threadsafe(self, callback: Callable[[], object]) -> None:
        self._timers.call_later(0, callback)

    def _adapter_connect_stream(self) -> None:
        raise NotImplementedError("the transport is connected before a Link is made")

    def _adapter_disconnect_stream(self) -> None:
        self._terminating = True  # asynchronously, as pika wants it: `_turn` ends the stream

    # -- what we do in pika's place --------------------------------------------------------------------------------

    def _on_data_available(self, data_in: bytes) -> None:
        self.bytes_received += len(data_in)  # pika's heartbeat checker looks at this
        self.heard = time.monotonic()
        for kind, channel, payload in self._frames.feed(data_in):
            if self._terminating:
                return
            if channel:
                listener = self._listeners.get(channel)
                if listener is not None:
                    listener.take(kind, payload)
            elif kind == spec.FRAME_METHOD:
                self._process_frame(frame.Method(0, decode_method(payload)))
            elif kind == spec.FRAME_HEARTBEAT:
                self._process_frame(frame.Heartbeat())

    def _on_stream_terminated(self, error: BaseException | None) -> None:
        cause = error or self._error
        assert cause is not None
        self.ending = Ending(self.connection_state, cause)
        self._terminating = False
        self.transport.close()
        super()._on_stream_terminated(cause)

    def _on_blocked(self, _link: object, notice: frame.Method[spec.Connection.Blocked]) -> None:
        self.blocked = str(notice.method.reason)

    def _on_unblocked(self, _link: object, _notice: object) -> None:
        self.blocked = None
