"""What a devbroker remembers between commands: its nodes with their names, ports and processes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.devbroker.files import write_file
from diracmq_cli.devbroker.ports import Ports, free_ports, is_free
from diracmq_cli.devbroker.process import Process
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node: its Erlang name, its ports, and its process as it was last started."""

    node: str
    ports: Ports
    broker: Process | None = None

    @property
    def running(self) -> bool:
        """Whether the node's process runs."""
        return self.broker is not None and self.broker.alive

    @property
    def pid(self) -> int | None:
        """The process id of the node's Erlang machine while it runs."""
        return self.broker.pid if self.broker is not None and self.broker.alive else None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A devbroker: where it is, its nodes (people count them from 1), and the epmd that they share."""

    directory: Path
    nodes: tuple[NodeState, ...]
    epmd: Process | None = None

    @property
    def running(self) -> bool:
        """Whether all nodes run."""
        return all(node.running for node in self.nodes)

    @property
    def amqps(self) -> tuple[int, ...]:
        """Where the nodes offer AMQP over TLS."""
        return tuple(node.ports.amqps for node in self.nodes)

    def only(self, names: Collection[str]) -> tuple[NodeState, ...]:
        """The nodes of these names."""
        return tuple(node for node in self.nodes if node.node in names)

    def with_node(self, node: NodeState) -> State:
        """The same with this in place of the node of that name."""
        return replace(self, nodes=tuple(node if other.node == node.node else other for other in self.nodes))


def new_state(layout: Layout, count: int) -> State:
    """A devbroker of ``count`` nodes with free ports and names of their own."""
    epmd, *free = free_ports(1 + 2 * count)
    ports = [Ports(amqps, distribution, epmd) for amqps, distribution in zip(free[::2], free[1::2], strict=True)]
    nodes = tuple(NodeState(node=f"devbroker-{own.amqps}@localhost", ports=own) for own in ports)
    return State(directory=layout.directory, nodes=nodes)


def with_free_ports(state: State) -> State:
    """The same devbroker, with other ports for what is down and whose port somebody else has taken meanwhile."""
    epmd = state.nodes[0].ports.epmd
    if not (state.epmd is not None and state.epmd.alive) and not is_free(epmd):
        (epmd,) = free_ports(1, _ports_of(state.nodes))
    moved: list[NodeState] = []
    for number, node in enumerate(state.nodes):
        spoken_for = {epmd, *_ports_of(moved), *_ports_of(state.nodes[number + 1 :])}
        moved.append(_on_free_ports(node, epmd, spoken_for))
    return replace(state, nodes=tuple(moved))


def _on_free_ports(node: NodeState, epmd: int, spoken_for: Collection[int]) -> NodeState:
    if node.running:
        return node
    amqps, distribution = node.ports.amqps, node.ports.distribution
    if not (is_free(amqps) and is_free(distribution)):
        amqps, distribution = free_ports(2, spoken_for)
    return replace(node, ports=Ports(amqps, distribution, epmd))


def _ports_of(nodes: Sequence[NodeState]) -> set[int]:
    return {port for node in nodes for port in (node.ports.amqps, node.ports.distribution)}


def read_state(layout: Layout) -> State | None:
    """The state that was kept, or None before the first ``up`` has come that far.

    Raises:
        ConfigError: the file is not ours.
    """
    try:
        document = json.loads(layout.state.read_text())
        # Until there were clusters, the file was its only node.
        nodes = document.get("nodes", [document])
        return State(
            directory=layout.directory,
            nodes=tuple(
                NodeState(node=node["node"], ports=Ports(**node["ports"]), broker=_process(node["broker"]))
                for node in nodes
            ),
            epmd=_process(document["epmd"]),
        )
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{layout.state} cannot be read: {error}",
            hint=f"dirac-mq devbroker down --purge --dir {layout.directory}, then up",
        ) from error


def write_state(layout: Layout, state: State) -> None:
    """Keep the state."""
    document = {
        "epmd": asdict(state.epmd) if state.epmd else None,
        "nodes": [asdict(node) for node in state.nodes],
    }
    write_file(layout.state, json.dumps(document, indent=2) + "\n")


def processes(nodes: Iterable[NodeState]) -> list[Process]:
    """The processes of those that run."""
    return [node.broker for node in nodes if node.broker is not None and node.broker.alive]


def _process(document: dict[str, int] | None) -> Process | None:
    return Process(**document) if document else None
