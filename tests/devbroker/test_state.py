"""What a devbroker remembers, and what it makes of a file that it cannot read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from diracmq_cli.devbroker import Layout, down
from diracmq_cli.devbroker.cfg import with_ports
from diracmq_cli.devbroker.ports import is_free
from diracmq_cli.devbroker.process import Process
from diracmq_cli.devbroker.state import NodeState, Ports, new_state, read_state, with_free_ports, write_state
from diracmq_cli.errors import ConfigError


def test_what_is_written_is_read(tmp_path):
    """Three nodes with their processes come back as they were; their ports differ and nobody listens there."""
    layout = Layout(tmp_path)
    state = new_state(layout, 3)
    state = replace(state.with_node(replace(state.nodes[1], broker=Process(1, 2))), epmd=Process(3, 4))
    write_state(layout, state)
    assert read_state(layout) == state
    ports = [port for node in state.nodes for port in (node.ports.amqps, node.ports.distribution, node.ports.epmd)]
    assert len(set(ports)) == 7
    assert all(is_free(port) for port in ports)
    assert with_free_ports(state) == state


def test_the_state_of_a_version_without_clusters(tmp_path):
    """Its only node is the first of one."""
    layout = Layout(tmp_path)
    ports = {"amqps": 1, "distribution": 2, "epmd": 3}
    process = {"pid": 4, "started": 5}
    layout.state.write_text(json.dumps({"ports": ports, "node": "a@localhost", "broker": process, "epmd": None}))
    state = read_state(layout)
    assert state is not None
    assert state.nodes == (NodeState(node="a@localhost", ports=Ports(1, 2, 3), broker=Process(4, 5)),)
    assert state.epmd is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"nodes": [{}]}', '{"nodes": 1, "epmd": null}'])
def test_a_state_that_cannot_be_read(tmp_path, text):
    """The hint says how to get rid of it, and that works."""
    layout = Layout(tmp_path / "dev")
    layout.directory.mkdir()
    layout.lock.touch()
    layout.state.write_text(text)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_state(layout)
    assert caught.value.hint == f"dirac-mq devbroker down --purge --dir {layout.directory}, then up"
    with pytest.raises(ConfigError, match="cannot be read"):
        down(layout.directory)
    said: list[str] = []
    down(layout.directory, purge=True, say=said.append)
    assert "may still run" in said[0]
    assert not layout.directory.exists()


def test_ports_that_moved_in_a_cfg():
    """Port and the hosts of a list follow; what only looks like a port does not."""
    text = "Host = localhost:20001, wn-20001.example.org:20002\n  Port = 20001\nMaxLength = 20001\n# Port = 20001\n"
    moved = "Host = localhost:30001, wn-20001.example.org:20002\n  Port = 30001\nMaxLength = 20001\n# Port = 20001\n"
    assert with_ports(text, {20001: 30001}) == moved
