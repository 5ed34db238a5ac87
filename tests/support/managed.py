"""A vhost of one's own on the run's broker, set up from a CFG by ``dirac-mq broker apply``, in both ways."""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pika
from support.broker import Broker, Completed
from support.forked import Fleet

from diracmq_cli.admin.control import Control
from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.admin.managementapi import Account, ManagementAPI
from diracmq_cli.admin.rabbitmqctl import Rabbitmqctl
from diracmq_cli.core.model import Secret
from diracmq_cli.credentials import tls_context

ACCOUNT, PASSWORD = "service-account", "not to be seen"
WAYS = ("http", "ctl")
_numbers = itertools.count(1)


@contextmanager
def management(broker: Broker) -> Iterator[int]:
    """The management API, over TLS on loopback, while inside; yields its port."""
    port = _free_port()
    etc, plugins = broker.node.etc, broker.node.etc / "enabled_plugins"
    before = plugins.read_text()
    files = f'{{cacertfile,"{etc}/ca.pem"}},{{certfile,"{etc}/hostcert.pem"}},{{keyfile,"{etc}/hostkey.pem"}}'
    plugins.write_text(before.strip().removesuffix("].") + ",rabbitmq_management].\n")
    broker.eval(
        f'application:set_env(rabbitmq_management, ssl_config, [{{ip,"127.0.0.1"}},{{port,{port}}},{files}], '
        f'[{{persistent,true}}]), rabbit_plugins:ensure("{plugins}")'
    )
    try:
        yield port
    finally:
        plugins.write_text(before)
        broker.eval(f'rabbit_plugins:ensure("{plugins}")')


class World:
    """One service of the CS, on a vhost that nobody else uses.

    Args:
        broker: the run's broker; its people are ``user``, ``pilot``, ``operator``.
        port: of the management API.
        directory: where the CFG goes.
        fleet: what runs the commands.
    """

    def __init__(self, broker: Broker, port: int, directory: Path, fleet: Fleet) -> None:
        self.broker = broker
        self._fleet = fleet
        self.vhost = f"applied-{next(_numbers)}"
        self.cfg = directory / "local.cfg"
        self.service: dict[str, Any] = {
            "Host": "localhost",
            "Port": broker.port,
            "VHost": self.vhost,
            "ManagementURL": f"https://localhost:{port}",
            "ManagementUser": ACCOUNT,
            "ManagementPassword": PASSWORD,
            "Queues": {},
            "Exchanges": {},
        }
        self._port = port
        self._names: list[str] = []

    def queue(self, name: str = "jobs", **options: str | int | None) -> None:
        """Put a queue into the CS, or change its options; None takes one out."""
        section = self.service["Queues"].setdefault(name, {})
        section.update(options)

    def text(self, more: Mapping[str, Any]) -> str:
        """The CFG's text, with some options of the service otherwise."""
        return section("Resources", {"MQServices": {"mine": {**self.service, **more}}})

    def write(self) -> None:
        """Make the CFG file say what the CS says now."""
        self.cfg.write_text(self.text({}))
        self.cfg.chmod(0o600)

    def run(self, verb: str, *flags: str, way: str = "http") -> Completed:
        """``broker diff`` or ``broker apply`` by what the CS says now."""
        self.write()
        return self.again(verb, *flags, way=way)

    def again(self, verb: str, *flags: str, way: str = "http", **more: str) -> Completed:
        """The same by the CFG file as it is; ``more`` are environment variables."""
        environment = self.broker.env(DIRACSYSCONFIG=str(self.cfg), **self.environment(way), **more)
        if way == "ctl":
            flags = (*flags, "--node", self.broker.state.node)
        return self._fleet.run(["broker", verb, "--service", "mine", *flags], environment)

    def environment(self, way: str) -> dict[str, str]:
        """What rabbitmqctl finds the broker by; a system's own is found without."""
        node = self.broker.node.environment(self.broker.state)
        return {name: node[name] for name in ("HOME", "ERL_EPMD_PORT", "ERL_EPMD_ADDRESS")} if way == "ctl" else {}

    def control(self, way: str) -> Control:
        """The adapter itself."""
        if way == "ctl":
            return Rabbitmqctl(find_rabbitmq(), self.broker.state.node, timeout=60)
        context = tls_context(None, str(self.broker.layout.certificates))
        account = Account(ACCOUNT, Secret(PASSWORD))
        return ManagementAPI(f"https://localhost:{self._port}", account, context, timeout=60)

    def client(self, role: str) -> pika.BlockingConnection:
        """A connection of one of the broker's people to the vhost."""
        return self.broker.client(role, virtual_host=self.vhost)

    def administrate(self) -> None:
        """Make the vhost, and let the operator do everything there."""
        self.broker.eval(
            f'rabbit_vhost:add(<<"{self.vhost}">>, <<"test">>), rabbit_auth_backend_internal:set_permissions('
            f'<<"{self.broker.dn("operator")}">>, <<"{self.vhost}">>, <<".*">>, <<".*">>, <<".*">>, <<"test">>)'
        )

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the management API, by a client that shares no code with ours."""
        context = self.broker.context(self.broker.layout.host_certificate, self.broker.layout.host_key)
        connection = http.client.HTTPSConnection("localhost", self._port, context=context, timeout=20)
        basic = base64.b64encode(f"{ACCOUNT}:{PASSWORD}".encode()).decode()
        connection.request(
            method, f"/api/{path}", None if body is None else json.dumps(body), {"Authorization": f"Basic {basic}"}
        )
        answer = connection.getresponse()
        octets = answer.read()
        connection.close()
        assert answer.status < 300 or (method == "GET" and answer.status == 404), octets
        return json.loads(octets) if octets and answer.status < 300 else None

    def add_user(self, name: str, write: str = ".*", *, vhost: str | None = None, tags: str = "") -> None:
        """A user whom the CS does not know, with rights."""
        self._names.append(name)
        self.api("PUT", f"users/{_quoted(name)}", {"password_hash": "", "tags": tags})
        rights = {"configure": "^$", "write": write, "read": "^$"}
        self.api("PUT", f"permissions/{vhost or self.vhost}/{_quoted(name)}", rights)

    def users(self) -> set[str]:
        """Who has a right on the vhost."""
        return {row["user"] for row in self.api("GET", f"vhosts/{self.vhost}/permissions") or ()}

    def remove(self) -> None:
        """Delete the vhost and the users that were added."""
        for name in self._names:
            self.broker.eval(f'catch rabbit_auth_backend_internal:delete_user(<<"{name}">>, <<"test">>)')
        self.broker.eval(f'catch rabbit_vhost:delete(<<"{self.vhost}">>, <<"test">>)')


def section(name: str, content: Mapping[str, Any]) -> str:
    """A section of a CFG; options that are None are left out."""
    body = "".join(
        section(key, value) if isinstance(value, Mapping) else f"{key} = {value}\n"
        for key, value in content.items()
        if value is not None
    )
    return f"{name}\n{{\n{body}}}\n"


def _quoted(name: str) -> str:
    return quote(name, safe="")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
