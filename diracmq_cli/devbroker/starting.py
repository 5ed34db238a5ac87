"""Start nodes of a devbroker, and see that they are what was asked for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.admin.installation import find_program, find_rabbitmq
from diracmq_cli.devbroker import pki
from diracmq_cli.devbroker.account import broker_account, make_area
from diracmq_cli.devbroker.cfg import dirac_cfg, server_cfg, with_ports
from diracmq_cli.devbroker.control import await_cluster, load_definitions
from diracmq_cli.devbroker.definitions import read_setup
from diracmq_cli.devbroker.files import write_file, write_private
from diracmq_cli.devbroker.launch import start_broker, start_epmd, wait_for_broker
from diracmq_cli.devbroker.node import Node
from diracmq_cli.devbroker.nodefiles import prepare
from diracmq_cli.devbroker.ports import LOOPBACK
from diracmq_cli.devbroker.state import NodeState, State, with_free_ports, write_state
from diracmq_cli.devbroker.stopping import stop

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout

Say = Callable[[str], None]


def check_programs() -> None:
    """Find everything that is needed before the first file is made.

    Raises:
        ConfigError: something is not installed.
    """
    find_rabbitmq()
    for program in ("erl", "erlc", "erl_call", "epmd"):
        find_program(program, "erlang-base")
    find_program("openssl", "openssl")


def start_nodes(layout: Layout, state: State, chosen: Collection[str], say: Say) -> State:
    """Start those of the ``chosen`` nodes (by name) that do not run, all at once; returns when all chosen ones answer.

    Raises:
        ConfigError: the CFG cannot be read, or RabbitMQ refuses what it asks for.
        MQError: one does not start; then none that was started stays.
    """
    check_programs()
    account = broker_account()
    make_area(layout, account, say)
    _make_documents(layout, state, say)
    node = Node(layout, find_rabbitmq(), account)
    names = [each.node for each in state.nodes if each.node in chosen and not each.running]
    if not names:
        _await_all(node, state.only(chosen))
        say(f"already running on {_listed(state.only(chosen))} in {layout.directory}")
        return state
    state = _on_free_ports(layout, state, say)
    plan = read_setup(layout)
    prepare(node, state, plan, state.only(names))
    say(f"starting {node.installation} on {_listed(state.only(names))}")
    begun = time.monotonic()
    try:
        if state.epmd is None or not state.epmd.alive:
            state = _kept(layout, replace(state, epmd=start_epmd(node, state.nodes[0])))
        for wave in _waves(node, state.only(names)):
            for each in wave:
                state = _kept(layout, state.with_node(replace(each, broker=start_broker(node, each))))
            _await_all(node, state.only([each.node for each in wave]))
        if state.running:
            await_cluster(node, state.nodes)
        else:
            say(f"queues that are new in {layout.cfg.name} wait until all {len(state.nodes)} nodes run")
        load_definitions(node, state.only(names)[0], plan.definitions(with_users=True))
    except BaseException:
        stop(layout, state, names)
        raise
    say(f"ready in {time.monotonic() - begun:.1f} s")
    return state


def _waves(node: Node, starting: Sequence[NodeState]) -> Iterator[Sequence[NodeState]]:
    """Who starts together: all, for each of a cluster may wait for what another knows; but before there is a cluster,
    the first goes ahead of those that are to find it (they would hold the lock that it needs to form one)."""
    new = [each for each in starting[1:] if not node.data(each).exists()]
    yield [each for each in starting if each not in new]
    if new:
        yield new


def _make_documents(layout: Layout, state: State, say: Say) -> None:
    """Make what is not there yet: certificates, and the CFG files."""
    if not layout.host_certificate.exists():
        say(f"making certificates in {layout.pki}")
    pki.create(layout)
    pki.renew(layout)
    if not layout.cfg.exists():
        write_file(layout.cfg, dirac_cfg(state.amqps))
    if not layout.server_cfg.exists():
        write_private(layout.server_cfg, server_cfg(state.amqps, str(layout.server_cfg)))


def _on_free_ports(layout: Layout, state: State, say: Say) -> State:
    """Move to other ports where somebody else has taken one meanwhile, CFG files included."""
    moved = with_free_ports(state)
    if moved == state:
        return state
    say(f"a port has been taken meanwhile; now on {_listed(moved.nodes)}")
    ports = dict(zip(state.amqps, moved.amqps, strict=True))
    for path, write in ((layout.cfg, write_file), (layout.server_cfg, write_private)):
        write(path, with_ports(path.read_text(), ports))
    return _kept(layout, moved)


def _kept(layout: Layout, state: State) -> State:
    write_state(layout, state)
    return state


def _await_all(node: Node, nodes: Iterable[NodeState]) -> None:
    for each in nodes:
        wait_for_broker(node, each)


def _listed(nodes: Iterable[NodeState]) -> str:
    return ", ".join(f"{LOOPBACK}:{each.ports.amqps}" for each in nodes)
