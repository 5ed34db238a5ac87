"""One private RabbitMQ node: its files, its environment, its start, and whether it answers.

Nothing of it listens but on 127.0.0.1, and nothing of it depends on the caller's ``RABBITMQ_*`` variables or on what
the system's own RabbitMQ keeps in ``/etc/rabbitmq`` and ``/var/lib/rabbitmq``.
"""

from __future__ import annotations

import resource
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli.admin.conffiles import NodeSettings, advanced_config, enabled_plugins, rabbitmq_conf
from diracmq_cli.admin.installation import Installation, find_program, search_path
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.core.model import HostPort
from diracmq_cli.devbroker.account import Account
from diracmq_cli.devbroker.files import let_everybody_read, make_directory, write_file
from diracmq_cli.devbroker.layout import Layout
from diracmq_cli.devbroker.process import Process
from diracmq_cli.devbroker.state import LOOPBACK, State
from diracmq_cli.errors import MQError, TemporaryFailure

START_TIMEOUT = 90.0
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_FILES = 65536
"""Open files: one each connection, and Debian's soft limit is 1024. More than this makes Erlang's tables large."""


@dataclass(frozen=True, slots=True)
class Node:
    """Where the files of one node are; ``home`` is ``DIR/broker`` as the broker's user reaches it.

    ``etc`` and ``plugins`` stay the caller's, so that the broker cannot lead him astray with links in a directory of
    its own; ``var`` is the broker's.
    """

    layout: Layout
    installation: Installation
    account: Account

    @property
    def home(self) -> Path:
        """The node's directory, links resolved: a link's own place may be closed to the broker's user."""
        return self.layout.broker.resolve()

    @property
    def etc(self) -> Path:
        """Configuration files, and a copy of the host key that the broker's user may read."""
        return self.home / "etc"

    @property
    def plugins(self) -> Path:
        """The compiled plugin."""
        return self.home / "plugins"

    @property
    def var(self) -> Path:
        """HOME of the node (its cookie), data, logs."""
        return self.home / "var"

    @property
    def output(self) -> Path:
        """What the node writes before it can log."""
        return self.home / "startup.log"

    def log(self, state: State) -> Path:
        """The node's log file."""
        return self.var / "log" / f"{state.node}.log"

    def environment(self, state: State) -> dict[str, str]:
        """The whole environment of the node and of ``rabbitmqctl`` when it talks to it."""
        etc, var = self.etc, self.var
        return {
            "PATH": search_path(),
            "LANG": "C.UTF-8",
            "HOME": str(var),
            "ERL_EPMD_PORT": str(state.ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": state.node,
            "RABBITMQ_DIST_PORT": str(state.ports.distribution),
            # Never used (listeners.tcp = none), but the default would be the system's own broker's.
            "RABBITMQ_NODE_PORT": str(state.ports.amqps),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(etc / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(etc / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
            "RABBITMQ_PLUGINS_DIR": f"{self.plugins}:{self.installation.plugins}",
            "RABBITMQ_MNESIA_BASE": str(var / "data"),
            "RABBITMQ_LOG_BASE": str(var / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(var / "config"),
            "RABBITMQ_PID_FILE": str(var / "pid"),
            # The start script then becomes the Erlang machine instead of waiting for it: one process, one id.
            "RUNNING_UNDER_SYSTEMD": "true",
        }


def prepare(node: Node, state: State, *, definitions: str, passwords: bool, consumer_timeout: float) -> None:
    """Write the node's configuration and build its plugin."""
    make_directory(node.etc)
    make_directory(node.var, 0o700)
    node.account.own(node.var)
    layout = node.layout
    settings = NodeSettings(
        listeners=(HostPort(LOOPBACK, state.ports.amqps),),
        certificate=node.etc / "hostcert.pem",
        key=node.etc / "hostkey.pem",
        authorities=node.etc / "ca.pem",
        revocations=layout.certificates.resolve(),
        definitions=node.etc / "definitions.json",
        passwords=passwords,
        consumer_timeout=consumer_timeout,
    )
    write_file(settings.certificate, layout.host_certificate.read_text())
    write_file(settings.authorities, (layout.ca / "cert.pem").read_text())
    for path, text in ((settings.key, layout.host_key.read_text()), (settings.definitions, definitions)):
        write_file(path, text, mode=0o600)
        node.account.own(path)
    write_file(node.etc / "rabbitmq.conf", rabbitmq_conf(settings))
    write_file(node.etc / "advanced.config", advanced_config(settings))
    write_file(node.etc / "enabled_plugins", enabled_plugins())
    make_directory(node.plugins)
    build_plugin(node.plugins, rabbitmq_home=node.installation.home)
    let_everybody_read(node.plugins)


def start_epmd(node: Node, state: State) -> Process:
    """Start an epmd of our own, so that we know which one to end.

    Raises:
        TemporaryFailure: its port has been taken meanwhile.
    """
    command = [str(find_program("epmd", "erlang-base")), "-address", LOOPBACK, "-port", str(state.ports.epmd)]
    process = _spawn(command, node, state, node.home / "epmd.log")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.alive:
        try:
            socket.create_connection((LOOPBACK, state.ports.epmd), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process
    raise TemporaryFailure(
        f"epmd does not answer on port {state.ports.epmd}", hint=f"read {node.home / 'epmd.log'}, then start again"
    )


def start_broker(node: Node, state: State) -> Process:
    """Start the node and wait until it answers.

    Raises:
        MQError: it ended, or did not answer in time; the message holds its reason, the hint names the log.
    """
    process = _spawn([str(node.installation.server)], node, state, node.output)
    deadline = time.monotonic() + START_TIMEOUT
    while not answers(node.layout, state):
        if not process.alive:
            raise MQError(f"{node.installation} ended while starting: {_reason(node, state)}", hint=_logs(node, state))
        if time.monotonic() > deadline:
            raise MQError(f"{node.installation} did not answer within {START_TIMEOUT:.0f}s", hint=_logs(node, state))
        time.sleep(0.1)
    return process


def answers(layout: Layout, state: State) -> bool:
    """Whether the node answers the AMQP protocol header over TLS: an open port says little."""
    context = ssl.create_default_context(cafile=layout.ca / "cert.pem")
    context.load_cert_chain(layout.host_certificate, layout.host_key)
    try:
        with (
            socket.create_connection((LOOPBACK, state.ports.amqps), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(_PROTOCOL_HEADER)
            return connection.recv(1) == _METHOD_FRAME
    except OSError:
        return False


def _spawn(command: list[str], node: Node, state: State, output: Path) -> Process:
    """Start a process in a session of its own, so that it survives the terminal that it was started from."""
    account = None if node.account.is_caller else node.account
    with output.open("wb") as log, _many_files():
        child = subprocess.Popen(
            command,
            cwd=node.var,
            env=node.environment(state),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    process = Process.of(child.pid)
    # It is meant to outlive us: with a status, Popen does not complain that it was left behind.
    child.returncode = 0
    if process is None:
        raise MQError(f"{command[0]} ended at once", hint=f"read {output}")
    return process


@contextmanager
def _many_files() -> Iterator[None]:
    """Raise the soft limit on open files for what is started inside."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _reason(node: Node, state: State) -> str:
    """The line that says most about a failed start."""
    for path in (node.output, node.log(state)):
        try:
            lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip(" =\t")]
        except OSError:
            continue
        telling = [line for line in lines if "error" in line.lower()]
        if telling or lines:
            return (telling or lines)[-1]
    return "it left no word"


def _logs(node: Node, state: State) -> str:
    return f"read {node.output} and {node.log(state)}"
