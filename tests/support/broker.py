"""One real RabbitMQ for the tests: the product's devbroker, and clients of it that share no code with the product."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika

from diracmq_cli import devbroker
from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.devbroker.account import broker_account
from diracmq_cli.devbroker.control import evaluate
from diracmq_cli.devbroker.node import Node

SCRIPTS = Path(sys.executable).parent
VHOST = "dirac"


@dataclass(frozen=True, slots=True)
class Completed:
    """What a command left; ``raw`` is its standard output as it came."""

    status: int
    stdout: str
    stderr: str
    raw: bytes


class Broker:
    """A running devbroker, or one node of a cluster. Roles are ``user``, ``pilot``, ``stranger`` and ``operator``."""

    def __init__(self, directory: Path, home: Path, number: int = 1) -> None:
        self.directory = directory
        self.home = home
        self.number = number
        self.layout = devbroker.Layout(directory)
        self.after_start: list[Callable[[], None]] = []
        """What to do after a start, which sets the rights as the devbroker's own CFG has them."""

    @property
    def state(self) -> devbroker.NodeState:
        """The node as it is now."""
        return devbroker.status(self.directory).nodes[self.number - 1]

    @property
    def port(self) -> int:
        """AMQP over TLS on localhost."""
        return self.state.ports.amqps

    @property
    def pid(self) -> int | None:
        return self.state.pid

    def dn(self, role: str) -> str:
        return devbroker.PEOPLE[devbroker.Role(role)].dn

    def env(self, role: str = "user", **more: str) -> dict[str, str]:
        """A whole environment for a subprocess: nothing of the caller's leaks in."""
        ours = devbroker.environment(self.directory, devbroker.Role(role))
        path = os.pathsep.join([str(SCRIPTS), "/usr/local/bin", "/usr/bin", "/bin"])
        return {**ours, "PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **more}

    def command(
        self,
        argv: Sequence[str],
        role: str = "user",
        input: bytes | str | None = None,  # noqa: A002 - as subprocess.run calls it
        timeout: float = 60,
        **more: str,
    ) -> Completed:
        """Run one of the package's commands as ``role``; ``more`` are further environment variables."""
        program = SCRIPTS / argv[0]
        text = input.encode() if isinstance(input, str) else input
        done = subprocess.run(
            [str(program) if program.exists() else argv[0], *argv[1:]],
            **({"stdin": subprocess.DEVNULL} if text is None else {"input": text}),
            capture_output=True,
            timeout=timeout,
            env=self.env(role, **more),
            cwd=self.home,
            check=False,
        )
        stdout, stderr = (stream.decode(errors="backslashreplace") for stream in (done.stdout, done.stderr))
        return Completed(done.returncode, stdout, stderr, done.stdout)

    def context(self, credential: Path | str, key: Path | str | None = None) -> ssl.SSLContext:
        """TLS with any credential, as an independent client would have it."""
        context = ssl.create_default_context(capath=str(self.layout.certificates))
        context.load_cert_chain(str(credential), None if key is None else str(key))
        return context

    def client(
        self, role: str = "user", *, credential: Path | str | None = None, key: Path | None = None, **parameters: Any
    ) -> pika.BlockingConnection:
        """An independent client: pika's own connection, SASL EXTERNAL with the role's proxy or another credential."""
        context = self.context(credential or self.layout.proxy(devbroker.Role(role)), key)
        defaults: dict[str, Any] = {
            "virtual_host": VHOST,
            "credentials": pika.credentials.ExternalCredentials(),
            "heartbeat": 0,
            "socket_timeout": 10,
            "blocked_connection_timeout": 30,
        }
        options = pika.SSLOptions(context, "localhost")
        return pika.BlockingConnection(
            pika.ConnectionParameters("localhost", self.port, ssl_options=options, **(defaults | parameters))
        )

    @contextmanager
    def channel(self, role: str = "user", **parameters: Any) -> Iterator[Any]:
        """A confirming channel of such a client, closed afterwards."""
        connection = self.client(role, **parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            yield channel
        finally:
            if connection.is_open:
                connection.close()

    def count(self, queue: str) -> int:
        """Messages ready in a queue."""
        with self.channel("operator") as channel:
            return int(channel.queue_declare(queue, passive=True).method.message_count)

    def wait_count(self, queue: str, wanted: int, timeout: float = 5) -> None:
        """Wait until so many are ready: quorum queues and streams count a little later than they confirm."""
        deadline = time.monotonic() + timeout
        while (count := self.count(queue)) != wanted:
            assert time.monotonic() < deadline, f"{queue} holds {count} messages, not {wanted}"
            time.sleep(0.05)

    def purge(self, *queues: str) -> None:
        with self.channel("operator") as channel:
            for queue in queues:
                channel.queue_purge(queue)

    def eval(self, erlang: str) -> str:
        """Evaluate Erlang in the broker (milliseconds) and return the value as ``~tp`` prints it."""
        return evaluate(self.node, self.state, erlang.strip().rstrip("."))

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl (a second each)."""
        state, account = self.state, self.node.account
        done = subprocess.run(
            [str(self.node.installation.control), "--quiet", *arguments],
            capture_output=True,
            text=True,
            env=self.node.environment(state),
            cwd="/",
            user=None if account.is_caller else account.uid,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @property
    def node(self) -> Node:
        return Node(self.layout, find_rabbitmq(), broker_account())

    @property
    def log(self) -> str:
        """The broker's log so far."""
        return self.node.log(self.state).read_text(errors="replace")

    def kill(self) -> None:
        devbroker.kill(self.directory, node=self.number)

    def start(self) -> None:
        devbroker.start(self.directory, node=self.number)
        for restore in self.after_start:
            restore()


@contextmanager
def running_broker() -> Iterator[Broker]:
    """A devbroker in a new directory, ended and removed whatever happens inside."""
    with running_cluster(1) as (broker,):
        yield broker


@contextmanager
def running_cluster(nodes: int) -> Iterator[tuple[Broker, ...]]:
    """A devbroker of so many nodes in a new directory, ended and removed whatever happens inside."""
    directory = Path(tempfile.mkdtemp(prefix="dirac-mq-broker-"))
    home = Path(tempfile.mkdtemp(prefix="dirac-mq-home-"))
    try:
        devbroker.up(directory, nodes=nodes)
        yield tuple(Broker(directory, home, number) for number in range(1, nodes + 1))
    finally:
        try:
            devbroker.down(directory, purge=True)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
            shutil.rmtree(home, ignore_errors=True)
