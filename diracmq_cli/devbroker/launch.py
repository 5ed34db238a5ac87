"""Start a node, and know when it is ready."""

from __future__ import annotations

import re
import resource
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.installation import find_program
from diracmq_cli.devbroker.ports import LOOPBACK
from diracmq_cli.devbroker.process import Process
from diracmq_cli.errors import MQError, TemporaryFailure

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout
    from diracmq_cli.devbroker.node import Node
    from diracmq_cli.devbroker.state import NodeState

START_TIMEOUT = 60.0
_PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
_METHOD_FRAME = b"\x01"
_FILES = 65536
"""Open files: one each connection, and Debian's soft limit is 1024. More than this makes Erlang's tables large."""

_ERROR_LINE = re.compile(r"\[error\] <[^>]*>\s*(\S.*)")


def start_epmd(node: Node, state: NodeState) -> Process:
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


def start_broker(node: Node, state: NodeState) -> Process:
    """Start the node; it answers some seconds later."""
    return _spawn([str(node.installation.server)], node, state, node.output(state))


def wait_for_broker(node: Node, state: NodeState) -> None:
    """Wait until the node answers.

    Raises:
        MQError: it ended, or did not answer in time; the message holds its reason, the hint names the log.
    """
    deadline = time.monotonic() + START_TIMEOUT
    while not answers(node.layout, state):
        if not state.running:
            raise MQError(f"{node.installation} ended while starting: {_reason(node, state)}", hint=_logs(node, state))
        if time.monotonic() > deadline:
            raise MQError(f"{node.installation} did not answer within {START_TIMEOUT:.0f}s", hint=_logs(node, state))
        time.sleep(0.1)


def answers(layout: Layout, state: NodeState) -> bool:
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


def _spawn(command: list[str], node: Node, state: NodeState, output: Path) -> Process:
    """Start a process in a session of its own, so that it survives the terminal that it was started from."""
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
            user=node.uid,
            group=node.gid,
            extra_groups=None if node.uid is None else [],
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


def _reason(node: Node, state: NodeState) -> str:
    """The first error that the node wrote: what follows are its consequences."""
    for path in (node.output(state), node.log(state)):
        try:
            match = _ERROR_LINE.search(path.read_text(errors="replace"))
        except OSError:
            continue
        if match:
            return match[1][:300]
    return "it left no word"


def _logs(node: Node, state: NodeState) -> str:
    return f"read {node.output(state)} and {node.log(state)}"
