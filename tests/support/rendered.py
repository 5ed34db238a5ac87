"""A real node that starts from the files of ``dirac-mq broker render`` and nothing else of ours."""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any

import pika

from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.devbroker import Layout, Role, pki
from diracmq_cli.devbroker.account import broker_account, make_area
from diracmq_cli.devbroker.control import evaluate
from diracmq_cli.devbroker.files import let_everybody_read, make_directory
from diracmq_cli.devbroker.launch import start_broker, start_epmd, wait_for_broker
from diracmq_cli.devbroker.node import Node
from diracmq_cli.devbroker.ports import free_ports
from diracmq_cli.devbroker.process import Process
from diracmq_cli.devbroker.roles import PEOPLE
from diracmq_cli.devbroker.state import NodeState, new_state

COMMAND = Path(sys.executable).with_name("dirac-mq")


def clean_environment(directory: Path) -> dict[str, str]:
    """An environment with nothing of the caller's; ``directory`` is HOME and DIRAC's root."""
    return {"PATH": "/usr/bin:/bin", "HOME": str(directory), "DIRAC_ROOT_PATH": str(directory), "LANG": "C.UTF-8"}


def _run(directory: Path, verb: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(COMMAND), "broker", verb, *arguments],
        capture_output=True,
        text=True,
        cwd=directory,
        env={**clean_environment(directory), **environment},
        timeout=120,
        check=False,
    )


@dataclass(frozen=True)
class Rendered:
    """A node, running unless it has been killed; ``management`` and ``prometheus`` are ports of its HTTP APIs."""

    node: Node
    state: NodeState
    management: int
    prometheus: int
    processes: list[Process] = field(default_factory=list)

    def start(self) -> None:
        """Start the node, and its epmd unless that runs."""
        if not self.processes:
            self.processes.append(start_epmd(self.node, self.state))
        self.processes.append(start_broker(self.node, self.state))
        # Not the state of a devbroker: what waits for the broker only looks at the process.
        wait_for_broker(self.node, replace(self.state, broker=self.processes[-1]))

    def kill(self) -> None:
        """End the node at once."""
        self._end(self.processes.pop())

    def end(self) -> None:
        """End all that was started."""
        while self.processes:
            self.kill()

    def _end(self, process: Process) -> None:
        process.signal(signal.SIGKILL)
        process.wait(10)

    def apply(self, service: str, *flags: str) -> subprocess.CompletedProcess[str]:
        """Run ``broker apply`` on it by the CFG as it is now."""
        layout = self.node.layout
        found = ("--service", service, "--cfg", str(layout.cfg), *flags)
        return _run(layout.directory, "apply", *found, X509_CERT_DIR=str(layout.certificates))

    @property
    def port(self) -> int:
        """AMQP over TLS."""
        return self.state.ports.amqps

    def eval(self, erlang: str) -> str:
        return evaluate(self.node, self.state, erlang)

    def context(self, role: str | None, version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
        """TLS with a role's proxy, the host's certificate (``host``) or none, at one version only if it is named."""
        layout = self.node.layout
        context = ssl.create_default_context(capath=str(layout.certificates))
        if version is not None:
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = version
        if role == "host":
            context.load_cert_chain(layout.host_certificate, layout.host_key)
        elif role is not None:
            context.load_cert_chain(layout.proxy(Role(role)))
        return context

    def client(self, role: str | None, credentials: Any = None, vhost: str = "dirac") -> pika.BlockingConnection:
        """An independent client."""
        return self.connect(self.context(role), credentials or pika.credentials.ExternalCredentials(), vhost)

    def connect(self, context: ssl.SSLContext, credentials: Any, vhost: str = "dirac") -> pika.BlockingConnection:
        """An independent client with a credential of its own."""
        options = pika.SSLOptions(context, "localhost")
        return pika.BlockingConnection(
            pika.ConnectionParameters("localhost", self.port, vhost, credentials, ssl_options=options, heartbeat=0)
        )


@contextmanager
def rendered_broker(cfg: str, *arguments: str) -> Iterator[Rendered]:
    """Render a CFG and start a node from it.

    ``@PORT@`` and ``@MANAGEMENT@`` in ``cfg`` become free ports, ``@USER@`` and so on the DNs of roles.
    """
    directory = Path(tempfile.mkdtemp(prefix="dirac-mq-rendered-"))
    directory.chmod(0o711)
    layout = Layout(directory)
    account = broker_account()
    make_area(layout, account, lambda _: None)
    pki.create(layout)
    pki.renew(layout)
    node = Node(layout, find_rabbitmq(), account)
    (state,) = new_state(layout, 1).nodes
    management, prometheus = free_ports(2, astuple(state.ports))
    names = {"@PORT@": str(state.ports.amqps), "@MANAGEMENT@": str(management)}
    for name, value in {**names, **{f"@{role.name}@": PEOPLE[role].dn for role in Role}}.items():
        cfg = cfg.replace(name, value)
    layout.cfg.write_text(cfg)
    layout.cfg.chmod(0o600)
    _install(node, state, prometheus, *arguments)
    broker = Rendered(node, state, management, prometheus)
    try:
        broker.start()
        yield broker
    finally:
        broker.end()
        shutil.rmtree(directory, ignore_errors=True)


def _install(node: Node, state: NodeState, prometheus: int, *arguments: str) -> None:
    """Put the files where README says, as far as a private node has such places."""
    layout = node.layout
    for place in (node.etc, node.var):
        make_directory(place)
    node.account.own(node.var)
    certificate, key = node.etc / "hostcert.pem", node.etc / "hostkey.pem"
    shutil.copy(layout.host_certificate, certificate)
    shutil.copy(layout.host_key, key)
    key.chmod(0o400)
    node.account.own(key)
    done = _run(
        layout.directory,
        "render",
        *("--service", "mq", "--cfg", str(layout.cfg), "--out", str(node.etc), "--etc", str(node.etc)),
        *("--ca-dir", str(layout.certificates), "--host-cert", str(certificate), "--host-key", str(key)),
        *("--listen", f"127.0.0.1:{state.ports.amqps}", *arguments),
    )
    assert done.returncode == 0, done.stderr
    node.account.own(node.etc / "definitions.json")
    shutil.move(node.etc / "plugins", node.plugins)
    let_everybody_read(node.plugins)
    text = (node.etc / "rabbitmq.conf").read_text()
    assert "prometheus.tcp.port = 15692\n" in text
    # Several test runs may share this machine.
    node.configuration(state).write_text(text.replace("15692", str(prometheus)))
    node.configuration(state).chmod(0o644)
