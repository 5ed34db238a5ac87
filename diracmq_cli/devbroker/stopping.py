"""End nodes of a devbroker, and its epmd with the last of them."""

from __future__ import annotations

import signal
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.devbroker.state import State, processes, write_state
from diracmq_cli.errors import TemporaryFailure

if TYPE_CHECKING:
    from diracmq_cli.devbroker.layout import Layout
    from diracmq_cli.devbroker.process import Process

STOP_TIMEOUT = 30.0


def stop(layout: Layout, state: State, names: Collection[str]) -> None:
    """End the nodes of these ``names`` as they want to be ended; with the last of all, epmd.

    Raises:
        TemporaryFailure: a process does not end.
    """
    end(processes(state.only(names)), signal.SIGTERM)
    nodes = tuple(replace(node, broker=None) if node.node in names else node for node in state.nodes)
    state = replace(state, nodes=nodes)
    if state.epmd is not None and not processes(nodes):
        end([state.epmd], signal.SIGTERM)
        state = replace(state, epmd=None)
    write_state(layout, state)


def end(all_of: Iterable[Process], signum: signal.Signals) -> None:
    """Send all of them a signal at once and wait for their end; SIGKILL for those that do not heed it.

    Raises:
        TemporaryFailure: one does not even end then.
    """
    rest = list(all_of)
    for signal_now in (signum, signal.SIGKILL):
        for process in rest:
            process.signal(signal_now)
        rest = [process for process in rest if not process.wait(STOP_TIMEOUT)]
    if rest:
        raise TemporaryFailure(f"process {rest[0].pid} does not end")
