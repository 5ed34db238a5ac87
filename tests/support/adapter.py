"""The broker adapter on the devbroker: sessions of a role, queues as the CS describes them, servers that misbehave."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.broker import VHOST, Broker

from diracmq_cli import devbroker
from diracmq_cli.broker import connect
from diracmq_cli.config import LocalSources, load_configuration, read_messaging
from diracmq_cli.core.message import PERSISTENT, Delivery, Message, Properties, Receipt
from diracmq_cli.core.model import BrokerService, HostPort, QueueSpec, Secret, Source
from diracmq_cli.core.ports import Publisher, Receiver, Session


def service(*hosts: str, port: int, **more: Any) -> BrokerService:
    """A service on ``hosts`` (default localhost)."""
    where = tuple(HostPort(host, port) for host in hosts or ("localhost",))
    more = {"vhost": VHOST, **more}
    return BrokerService(name="dev", hosts=where, source=Source("/Resources/MQServices/dev", "dirac.cfg"), **more)


def context_of(broker: Broker, credential: Path | str) -> ssl.SSLContext:
    """The product's way to TLS: host names and chains are checked."""
    context = ssl.create_default_context(capath=str(broker.layout.certificates))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(str(credential))
    return context


def open_session(
    broker: Broker,
    role: str = "user",
    *,
    at: BrokerService | None = None,
    credential: Path | str | None = None,
    context: ssl.SSLContext | None = None,
    login: str | None = None,
    password: str | None = None,
    timeout: float = 10,
    wake_fd: int | None = None,
) -> Session:
    """Log in as ``role`` with its proxy, or with another credential."""
    return connect(
        at or service(port=broker.port),
        context or context_of(broker, credential or broker.layout.proxy(devbroker.Role(role))),
        login=login or broker.dn(role),
        password=None if password is None else Secret(password),
        timeout=timeout,
        wake_fd=wake_fd,
        client_name="test",
    )


@contextmanager
def session(broker: Broker, role: str = "user", **options: Any) -> Iterator[Session]:
    """``open_session``, closed afterwards."""
    opened = open_session(broker, role, **options)
    try:
        yield opened
    finally:
        opened.close()


def spec_of(broker: Broker, name: str, *files: Path) -> QueueSpec:
    """The queue as the product reads it from the devbroker's CFG and ``files``."""
    files = (broker.layout.cfg, *files)
    sources = LocalSources(cfg_files=tuple(map(str, files)), environment={"DIRAC_ROOT_PATH": str(broker.directory)})
    found = read_messaging(load_configuration(sources)).resolve(name)
    assert isinstance(found, QueueSpec)
    return found


def message(body: bytes = b"", message_id: str = "m", key: str = "", **more: Any) -> Message:
    """A persistent message as the operations would make it."""
    properties = Properties(message_id=message_id, delivery_mode=PERSISTENT, **more)
    return Message(body=body, properties=properties, routing_key=key)


def fill(broker: Broker, queue: str, count: int, *, counted: bool = True) -> None:
    """Publish ``0``, ``1`` … through the queue's exchange, by an independent client.

    With ``counted`` wait until the broker counts them too, which for a stream takes it seconds.
    """
    with broker.channel("user") as channel:
        for number in range(count):
            channel.basic_publish(f"{queue}.x", "", str(number).encode())
    if counted:
        broker.wait_count(queue, count)


def receipts(publisher: Publisher, patience: float = 10) -> list[Receipt]:
    """Everything that the broker says about what is in flight."""
    got: list[Receipt] = []
    deadline = time.monotonic() + patience
    while publisher.in_flight:
        got += publisher.turn(deadline - time.monotonic())
        assert time.monotonic() < deadline, "no confirm in time"
    return got


def take(receiver: Receiver, most: int, patience: float = 5) -> list[Delivery]:
    """Receive until ``most`` have come or nothing more does."""
    got: list[Delivery] = []
    while len(got) < most and (delivery := receiver.receive(patience)) is not None:
        got.append(delivery)
    return got


def bodies(deliveries: list[Delivery]) -> list[int]:
    """The numbers that ``fill`` wrote."""
    return [int(delivery.message.body) for delivery in deliveries]


@contextmanager
def listening(behave: Callable[[socket.socket], None] | None = None) -> Iterator[int]:
    """A port on loopback; each connection is given to ``behave``, or accepted by the kernel and left alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        if behave is not None:
            threading.Thread(target=_serve, args=(server, behave), daemon=True).start()
        yield server.getsockname()[1]


def _serve(server: socket.socket, behave: Callable[[socket.socket], None]) -> None:
    while True:
        try:
            client, _ = server.accept()
        except OSError:
            return
        with client:
            behave(client)


def closed_port() -> int:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
