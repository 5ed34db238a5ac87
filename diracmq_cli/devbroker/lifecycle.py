"""The life of a devbroker: up, start, kill, down, status."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from diracmq_cli.admin.installation import find_program, find_rabbitmq
from diracmq_cli.devbroker import pki
from diracmq_cli.devbroker.account import area_of, broker_account, make_area
from diracmq_cli.devbroker.cfg import dirac_cfg, server_cfg, with_port
from diracmq_cli.devbroker.control import load_definitions
from diracmq_cli.devbroker.definitions import read_setup
from diracmq_cli.devbroker.files import make_directory, write_file, write_private
from diracmq_cli.devbroker.launch import start_broker, start_epmd, wait_for_broker
from diracmq_cli.devbroker.layout import Layout, default_directory, open_layout
from diracmq_cli.devbroker.lock import locked
from diracmq_cli.devbroker.node import Node
from diracmq_cli.devbroker.nodefiles import prepare
from diracmq_cli.devbroker.process import Process
from diracmq_cli.devbroker.state import LOOPBACK, State, new_state, read_state, with_free_ports, write_state
from diracmq_cli.errors import NothingThere, TemporaryFailure

Say = Callable[[str], None]
STOP_TIMEOUT = 30.0


def _nothing(_: str) -> None:
    """Say nothing."""


def up(directory: Path | None = None, say: Say = _nothing) -> State:
    """Make a devbroker in ``directory`` (default: the user's state directory) unless it is there, and start it.

    Args:
        directory: where it is or will be.
        say: told what is going on, a line at a time.

    Raises:
        ConfigError: the directory is not ours, or a program is missing.
        MQError: the broker does not start.
    """
    place = directory or default_directory()
    layout = open_layout(place)
    if layout is None:
        _check_programs()
        layout = Layout(place.absolute().resolve())
        if not layout.directory.exists():
            make_directory(layout.directory)
    with locked(layout, say):
        state = read_state(layout) or new_state(layout)
        write_state(layout, state)
        return _start(layout, state, say)


def start(directory: Path | None = None, say: Say = _nothing) -> State:
    """Start the devbroker that is in ``directory``; its queues hold what they held.

    Raises:
        NothingThere: there is no devbroker.
        MQError: the broker does not start.
    """
    layout = find(directory)
    with locked(layout, say):
        return _start(layout, _state(layout), say)


def kill(directory: Path | None = None, say: Say = _nothing) -> State:
    """Kill the broker (SIGKILL), as a power cut would.

    Raises:
        NothingThere: there is no devbroker, or it does not run.
    """
    layout = find(directory)
    with locked(layout, say):
        state = _state(layout)
        if state.broker is None or not state.running:
            raise NothingThere(f"the broker in {layout.directory} does not run", hint=_hint("start", layout))
        _end(state.broker, signal.SIGKILL)
        say(f"killed pid {state.broker.pid}")
        return state


def down(directory: Path | None = None, *, purge: bool = False, say: Say = _nothing) -> None:
    """Stop the broker and its epmd; with ``purge`` remove everything that ``up`` has made.

    Raises:
        NothingThere: there is no devbroker.
        TemporaryFailure: a process does not end.
    """
    layout = find(directory)
    with locked(layout, say):
        state = read_state(layout)
        if state is not None:
            _stop(layout, state)
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


def _check_programs() -> None:
    """Find everything that is needed before the first file is made."""
    find_rabbitmq()
    for program in ("erl", "erlc", "erl_call", "epmd"):
        find_program(program, "erlang-base")
    find_program("openssl", "openssl")


def _start(layout: Layout, state: State, say: Say) -> State:
    installation = find_rabbitmq()
    _check_programs()
    account = broker_account()
    make_area(layout, account, say)
    if not layout.host_certificate.exists():
        say(f"making certificates in {layout.pki}")
    pki.create(layout)
    pki.renew(layout)
    if not layout.cfg.exists():
        write_file(layout.cfg, dirac_cfg(state.ports.amqps))
    if not layout.server_cfg.exists():
        write_private(layout.server_cfg, server_cfg(state.ports.amqps, str(layout.server_cfg)))
    node = Node(layout, installation, account)
    if state.running:
        wait_for_broker(node, state)
        say(f"already running on {LOOPBACK}:{state.ports.amqps} in {layout.directory}")
        return state
    state = _on_free_ports(layout, state, say)
    plan = read_setup(layout)
    prepare(node, state, plan)
    say(f"starting {installation} on {LOOPBACK}:{state.ports.amqps}")
    begun = time.monotonic()
    if state.epmd is None or not state.epmd.alive:
        state = replace(state, epmd=start_epmd(node, state))
        write_state(layout, state)
    state = replace(state, broker=start_broker(node, state))
    write_state(layout, state)
    try:
        wait_for_broker(node, state)
        load_definitions(node, state, plan.definitions(with_users=True))
    except BaseException:
        _stop(layout, state)
        raise
    say(f"ready in {time.monotonic() - begun:.1f} s")
    return state


def _on_free_ports(layout: Layout, state: State, say: Say) -> State:
    """Move to other ports if somebody else has taken one meanwhile, CFG files included."""
    moved = with_free_ports(state)
    if moved != state:
        say(f"a port has been taken meanwhile; now on port {moved.ports.amqps}")
        if state.epmd is not None:
            _end(state.epmd, signal.SIGTERM)
        for path, write in ((layout.cfg, write_file), (layout.server_cfg, write_private)):
            write(path, with_port(path.read_text(), state.ports.amqps, moved.ports.amqps))
        moved = replace(moved, epmd=None)
        write_state(layout, moved)
    return moved


def _stop(layout: Layout, state: State) -> None:
    """End the broker, then epmd, as they want to be ended."""
    for process in (state.broker, state.epmd):
        if process is not None and process.alive:
            _end(process, signal.SIGTERM)
    write_state(layout, replace(state, broker=None, epmd=None))


def _end(process: Process, signum: signal.Signals) -> None:
    process.signal(signum)
    if not process.wait(STOP_TIMEOUT):
        process.signal(signal.SIGKILL)
        if not process.wait(STOP_TIMEOUT):
            raise TemporaryFailure(f"process {process.pid} does not end")


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
