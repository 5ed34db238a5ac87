"""A TCP proxy on loopback that does to a connection what networks do: delay, cut, stall, trickle, refuse, say nothing.

It runs in a thread of its own, and a test may change its ways at any time. It forwards TLS as it comes; one that is
``opened`` ends the client's TLS with the broker's host certificate and logs in to the broker with the client's own
credential, so that it can tell one AMQP frame from another.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum, auto

from support.broker import Broker

OPEN_OK = b"\x00\x0a\x00\x29"
"""AMQP connection.open-ok: the login is over."""

_CHUNK = 65536
_TICK = 0.05


class Answer(Enum):
    """What a client meets that connects from now on."""

    BROKER = auto()
    NOTHING = auto()
    """The connection is accepted and nothing is ever said."""
    ONLY_TLS = auto()
    """TLS with the broker's host certificate; then everything is swallowed."""


class FaultProxy:
    """A proxy in front of ``broker``; ``opened`` as whom (a role), or None to leave TLS alone."""

    def __init__(self, broker: Broker, *, opened: str | None = None) -> None:
        self.accepted = 0
        """Connections so far."""
        self._target = broker.port
        self._host = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._host.load_cert_chain(broker.layout.host_certificate, broker.layout.host_key)
        self._login = None if opened is None else broker.context(broker.layout.pki / f"{opened}.proxy.pem")
        self._answer = Answer.BROKER
        self._pause = 0.0
        self._rate: float | None = None
        self._trigger: bytes | None = None
        self._open: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}
        self._loop = asyncio.new_event_loop()
        self._up, self._down = asyncio.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self._do(self._listen)
        self.clear()

    # -- what a test says ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """For ``-b``."""
        return f"amqps://localhost:{self.port}/dirac"

    @property
    def open(self) -> int:
        """Connections that are there now."""
        return len(self._open)

    def clear(self) -> None:
        """Forward everything at once, and let new connections in."""

        async def clear() -> None:
            self._answer, self._pause, self._rate, self._trigger = Answer.BROKER, 0.0, None, None
            self._up.set()
            self._down.set()
            if not self._server.is_serving():
                await self._listen()

        self._do(clear)

    def delay(self, seconds: float) -> None:
        """Hold each chunk for so long, each way."""
        self._pause = seconds

    def trickle(self, octets: float) -> None:
        """Forward so many octets a second, each way."""
        self._rate = octets

    def stall(self, *, up: bool = True, down: bool = True) -> None:
        """Forward nothing to the broker (``up``) or from it (``down``); connections stay as they are, half open."""

        async def stall() -> None:
            self._stall(up=up, down=down)

        self._do(stall)

    def stall_after(self, octets: bytes) -> None:
        """Stall both ways once ``octets`` have come from the broker (and have been passed on); for an opened proxy."""
        assert self._login is not None
        self._trigger = octets

    def answer(self, answer: Answer) -> None:
        """What those meet who connect from now on."""
        self._answer = answer

    def refuse(self) -> None:
        """Refuse new connections; ``clear`` lets them in again."""

        async def refuse() -> None:
            self._server.close()

        self._do(refuse)

    def cut(self, *, reset: bool = True) -> int:
        """End all connections now, each side with a RST or, without ``reset``, a FIN; returns how many there were."""
        count = len(self._open)

        async def cut() -> None:
            tasks = list(self._open)
            for task in tasks:
                for writer in self._open[task]:
                    _end(writer, reset=reset)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._do(cut)
        return count

    def close(self) -> None:
        """End everything, the thread too."""
        self.refuse()
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- in the thread ---------------------------------------------------------------------------------------------

    def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=10)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=256)
        self.port = self._server.sockets[0].getsockname()[1]

    def _stall(self, *, up: bool, down: bool) -> None:
        for event, stalled in ((self._up, up), (self._down, down)):
            if stalled:
                event.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        writers = self._open[task] = [writer]
        try:
            await self._serve_as(self._answer, reader, writer, writers)
        except (OSError, asyncio.CancelledError):
            pass  # one side has gone, or we were told to cut
        finally:
            del self._open[task]
            for each in writers:
                _end(each, reset=False)

    async def _serve_as(
        self,
        answer: Answer,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        writers: list[asyncio.StreamWriter],
    ) -> None:
        if answer is Answer.ONLY_TLS or (answer is Answer.BROKER and self._login is not None):
            await writer.start_tls(self._host)
        if answer is not Answer.BROKER:
            while await reader.read(_CHUNK):
                pass
            return
        name = "localhost" if self._login is not None else None
        back, forth = await asyncio.open_connection("127.0.0.1", self._target, ssl=self._login, server_hostname=name)
        writers.append(forth)
        pumps = [
            asyncio.create_task(self._pump(reader, forth, self._up, watched=False)),
            asyncio.create_task(self._pump(back, writer, self._down, watched=True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, flowing: asyncio.Event, *, watched: bool
    ) -> None:
        while octets := await reader.read(_CHUNK):
            await flowing.wait()
            await asyncio.sleep(self._pause)
            while octets:
                piece = len(octets) if self._rate is None else max(1, round(self._rate * _TICK))
                writer.write(octets[:piece])
                await writer.drain()
                if watched and self._trigger is not None and self._trigger in octets[:piece]:
                    self._stall(up=True, down=True)
                octets = octets[piece:]
                if octets:
                    await asyncio.sleep(_TICK)
                    await flowing.wait()


def _end(writer: asyncio.StreamWriter, *, reset: bool) -> None:
    if reset:
        sock: socket.socket | None = writer.get_extra_info("socket")
        if sock is not None and sock.fileno() >= 0:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


@contextlib.contextmanager
def fault_proxy_for(broker: Broker, *, opened: str | None = None) -> Iterator[FaultProxy]:
    """A proxy in front of ``broker``, ended afterwards."""
    proxy = FaultProxy(broker, opened=opened)
    try:
        yield proxy
    finally:
        proxy.close()
