"""What a devbroker remembers between commands: its ports, its node's name, its processes."""

from __future__ import annotations

import json
import random
import socket
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from diracmq_cli.devbroker.files import write_file
from diracmq_cli.devbroker.layout import Layout
from diracmq_cli.devbroker.process import Process
from diracmq_cli.errors import ConfigError, MQError

LOOPBACK = "127.0.0.1"
_PORTS = range(20000, 32768)
"""Below the ports that Linux gives to outgoing connections: one of those could sit on ours while the broker is down."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The three ports of a devbroker, all on 127.0.0.1: AMQP over TLS, Erlang's distribution, epmd."""

    amqps: int
    distribution: int
    epmd: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A devbroker: where it is, on which ports, and its processes as they were last started."""

    directory: Path
    ports: Ports
    node: str
    broker: Process | None = None
    epmd: Process | None = None

    @property
    def running(self) -> bool:
        """Whether the broker's process runs."""
        return self.broker is not None and self.broker.alive

    @property
    def pid(self) -> int | None:
        """The process id of the broker's Erlang machine while it runs."""
        return self.broker.pid if self.broker is not None and self.broker.alive else None


def new_state(layout: Layout) -> State:
    """A devbroker with free ports and a name of its own."""
    ports = Ports(*_free_ports(3))
    return State(directory=layout.directory, ports=ports, node=f"devbroker-{ports.amqps}@localhost")


def with_free_ports(state: State) -> State:
    """The same devbroker on other ports, if one of its own has been taken by somebody else while it was down."""
    needed = [state.ports.amqps, state.ports.distribution]
    if state.epmd is None or not state.epmd.alive:
        needed.append(state.ports.epmd)
    if all(is_free(port) for port in needed):
        return state
    return replace(state, ports=Ports(*_free_ports(3)))


def read_state(layout: Layout) -> State | None:
    """The state that was kept, or None before the first ``up`` has come that far.

    Raises:
        ConfigError: the file is not ours.
    """
    try:
        document = json.loads(layout.state.read_text())
        return State(
            directory=layout.directory,
            ports=Ports(**document["ports"]),
            node=document["node"],
            broker=Process(**document["broker"]) if document["broker"] else None,
            epmd=Process(**document["epmd"]) if document["epmd"] else None,
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{layout.state} cannot be read: {error}", hint="dirac-mq devbroker down --purge, then up"
        ) from error


def write_state(layout: Layout, state: State) -> None:
    """Keep the state."""
    document = {
        "ports": asdict(state.ports),
        "node": state.node,
        "broker": asdict(state.broker) if state.broker else None,
        "epmd": asdict(state.epmd) if state.epmd else None,
    }
    write_file(layout.state, json.dumps(document, indent=2) + "\n")


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise MQError(f"there are no {count} free ports between {_PORTS.start} and {_PORTS.stop - 1}")
