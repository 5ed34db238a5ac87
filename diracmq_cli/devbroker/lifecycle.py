"""The life of a devbroker: up, start, kill, down, status."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from diracmq_cli.devbroker.account import area_of
from diracmq_cli.devbroker.files import make_directory
from diracmq_cli.devbroker.layout import Layout, default_directory, open_layout
from diracmq_cli.devbroker.lock import locked
from diracmq_cli.devbroker.starting import check_programs, start_nodes
from diracmq_cli.devbroker.state import State, new_state, processes, read_state, write_state
from diracmq_cli.devbroker.stopping import end, stop
from diracmq_cli.errors import ConfigError, NothingThere, UsageError

Say = Callable[[str], None]


def _nothing(_: str) -> None:
    """Say nothing."""


def up(directory: Path | None = None, say: Say = _nothing, *, nodes: int | None = None) -> State:
    """Make a devbroker in ``directory`` (default: the user's state directory) unless it is there, and start it.

    Args:
        directory: where it is or will be.
        say: told what is going on, a line at a time.
        nodes: of how many nodes it is made (default 1); more than one are a cluster.

    Raises:
        ConfigError: the directory is not ours, a program is missing, or there are other than ``nodes`` nodes.
        MQError: the broker does not start.
    """
    place = directory or default_directory()
    layout = open_layout(place)
    if layout is None:
        check_programs()
        layout = Layout(place.absolute().resolve())
        if not layout.directory.exists():
            make_directory(layout.directory)
    with locked(layout, say):
        state = read_state(layout) or new_state(layout, nodes or 1)
        if nodes not in (None, len(state.nodes)):
            raise ConfigError(
                f"the devbroker in {layout.directory} was made with {len(state.nodes)} nodes, not {nodes}",
                hint=f"{_hint('down --purge', layout)}, then up, or name another --dir",
            )
        write_state(layout, state)
        return start_nodes(layout, state, _names(state, None), say)


def start(directory: Path | None = None, say: Say = _nothing, *, node: int | None = None) -> State:
    """Start what does not run of the devbroker in ``directory``, or one ``node`` of it; queues hold what they held.

    Raises:
        NothingThere: there is no devbroker.
        UsageError: there is no such node.
        MQError: the broker does not start.
    """
    layout = find(directory)
    with locked(layout, say):
        state = _state(layout)
        return start_nodes(layout, state, _names(state, node), say)


def kill(directory: Path | None = None, say: Say = _nothing, *, node: int | None = None) -> State:
    """Kill the broker, or one ``node`` of it (SIGKILL), as a power cut would.

    Raises:
        NothingThere: there is no devbroker, or it does not run.
        UsageError: there is no such node.
    """
    layout = find(directory)
    with locked(layout, say):
        state = _state(layout)
        victims = processes(state.only(_names(state, node)))
        if not victims:
            what = "the broker" if node is None else f"node {node}"
            raise NothingThere(f"{what} in {layout.directory} does not run", hint=_hint("start", layout))
        end(victims, signal.SIGKILL)
        say(f"killed pid {', '.join(str(victim.pid) for victim in victims)}")
        return state


def down(directory: Path | None = None, *, purge: bool = False, say: Say = _nothing) -> None:
    """Stop all nodes and their epmd; with ``purge`` remove everything that ``up`` has made.

    Raises:
        NothingThere: there is no devbroker.
        TemporaryFailure: a process does not end.
        ConfigError: what it has started cannot be read; with ``purge`` that is said and all is removed even so.
    """
    layout = find(directory)
    with locked(layout, say):
        try:
            state = read_state(layout)
        except ConfigError as error:
            if not purge:
                raise
            say(f"{error}; what it started may still run")
            state = None
        if state is not None:
            stop(layout, state, _names(state, None))
        if purge:
            _purge(layout)
    say(f"removed {layout.directory}" if purge else f"stopped; all is kept in {layout.directory}")


def status(directory: Path | None = None) -> State:
    """What there is.

    Raises:
        NothingThere: there is no devbroker.
    """
    return _state(find(directory))


def find(directory: Path | None) -> Layout:
    """The devbroker in ``directory``.

    Raises:
        NothingThere: there is none.
    """
    place = directory or default_directory()
    layout = open_layout(place)
    if layout is None:
        raise NothingThere(f"there is no devbroker in {place}", hint=_hint("up", Layout(place)))
    return layout


def _state(layout: Layout) -> State:
    state = read_state(layout)
    if state is None:
        raise NothingThere(f"the devbroker in {layout.directory} is not set up", hint=_hint("up", layout))
    return state


def _names(state: State, number: int | None) -> list[str]:
    """The names of all nodes, or of the one of that number, counted from 1.

    Raises:
        UsageError: there is none of that number.
    """
    if number is None:
        return [node.node for node in state.nodes]
    if not 1 <= number <= len(state.nodes):
        raise UsageError(f"there is no node {number}: the devbroker has {len(state.nodes)}")
    return [state.nodes[number - 1].node]


def _purge(layout: Layout) -> None:
    """Remove what is ours and, if nothing else is in it, the directory."""
    area = area_of(layout)
    if area is not None:
        shutil.rmtree(area)
    for path in layout.everything:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with suppress(OSError):
        layout.directory.rmdir()


def _hint(verb: str, layout: Layout) -> str:
    return f"dirac-mq devbroker {verb} --dir {layout.directory}"
