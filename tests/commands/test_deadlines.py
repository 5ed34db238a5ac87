"""Every command ends within its ``--timeout`` plus 2 s, whatever the other side does, and says what it waited for.

A row is one command against one other side. All run beside each other as far as the broker's state allows, for they
mostly wait; ``pytest -rP`` shows the time of each.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import pytest
from support.broker import Broker
from support.faultproxy import OPEN_OK, Answer, fault_proxy_for
from support.forked import Ended, Fleet, fleet_in
from support.unreachable import black_hole

from diracmq_cli.devbroker.cfg import with_ports

TIMEOUT = 2.0
PROMISE = TIMEOUT + 2.0
MARGIN = 3.0
"""Seconds more for a machine that is busy with other tests."""

AT_ONCE = 8
"""Commands at a time."""

QUEUE = "demo.jobs"
COMMANDS: Mapping[str, Sequence[str]] = {
    "send -m": ("send", "-m", "x", QUEUE),
    "send -l": ("send", "-l", QUEUE),
    "peek": ("peek", QUEUE),
    "list": ("list", QUEUE),
    "consume": ("consume", "-n", "1", QUEUE),
    "tail": ("tail", "-n", "1", QUEUE),
}
READERS = ("peek", "list", "consume", "tail")
SENDERS = ("send -m", "send -l")

EXPECTED = {
    "black hole": (69, "no answer in time"),
    "TLS never answers": (69, "no answer in time"),
    "AMQP never answers": (69, "said nothing in time"),
    "suspended": (69, "no answer in time"),
    "refused": (69, "connection refused"),
    "no route": (69, "network is unreachable"),
    "unknown host": (68, "nowhere.invalid"),
    "half open": (69, "did not answer"),
    "memory alarm": (75, "blocks publishers"),
}
"""The exit status against each side, and what stderr names."""

ROWS = [(side, name) for side in EXPECTED for name in (SENDERS if side == "memory alarm" else COMMANDS)]


class Starter:
    """Starts rows one after the other."""

    def __init__(self, broker: Broker, fleet: Fleet) -> None:
        self.numbers: dict[tuple[str, str], int] = {}
        self._broker, self._fleet = broker, fleet
        self._cfg = broker.layout.cfg.read_text()

    def __call__(
        self, side: str, *commands: str, port: int | None = None, host: str = "localhost", network: bool = True
    ) -> None:
        """Start the commands of that ``side`` (all, unless some are named) with a broker on that port of that host."""
        cfg = self._broker.home / f"{side}-{len(self.numbers)}.cfg"
        text = with_ports(self._cfg, {self._broker.port: port or self._broker.port})
        cfg.write_text(text.replace("Host = localhost", f"Host = {host}"))
        environment = self._broker.env("user", DIRACSYSCONFIG=str(cfg))
        for name in commands or COMMANDS:
            verb, *arguments = COMMANDS[name]
            argv = [verb, "-t", f"{TIMEOUT:g}s", *arguments]
            stdin = b"one\ntwo\n" if name == "send -l" else b""
            self.numbers[side, name] = self._fleet.start(argv, environment, stdin=stdin, network=network)


@contextmanager
def suspended(broker: Broker) -> Iterator[None]:
    """SIGSTOP for the broker's process."""
    pid = broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def memory_alarm(broker: Broker) -> Iterator[None]:
    """The broker blocks whoever publishes."""
    broker.eval("rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})")
    try:
        yield
    finally:
        broker.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")


@pytest.fixture(scope="module")
def table(_session_broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Ended | None]:
    """Every row and how it ended; None if it did not."""
    broker = _session_broker
    if broker.pid is None:
        broker.start()
    with ExitStack() as kept:
        fleet = kept.enter_context(fleet_in(tmp_path_factory.mktemp("deadlines"), at_once=AT_ONCE))
        start = Starter(broker, fleet)
        silent, only_tls, refusing = (kept.enter_context(fault_proxy_for(broker)) for _ in range(3))
        silent.answer(Answer.NOTHING)
        only_tls.answer(Answer.ONLY_TLS)
        refusing.refuse()
        start("black hole", port=kept.enter_context(black_hole()))
        start("TLS never answers", port=silent.port)
        start("AMQP never answers", port=only_tls.port)
        start("refused", port=refusing.port)
        start("unknown host", host="nowhere.invalid")
        start("no route", host="192.0.2.1", network=False)
        for name in COMMANDS:
            proxy = kept.enter_context(fault_proxy_for(broker, opened="user"))
            proxy.stall_after(OPEN_OK)
            start("half open", name, port=proxy.port)
        with memory_alarm(broker):
            start("memory alarm", *SENDERS)
            fleet.wait(30)
        with suspended(broker):
            start("suspended")
            ended = fleet.wait(30)
    broker.purge(QUEUE)  # what a blocked sender has published may be there
    return {row: ended.get(number) for row, number in start.numbers.items()}


@pytest.mark.parametrize(("side", "name"), ROWS)
def test_it_ends_in_time_and_says_why(table, side, name):
    """Its timeout and 2 s are enough; the exit status and the sentence on stderr tell what it waited for."""
    ended = table[side, name]
    assert ended is not None, "it did not end"
    sys.stdout.write(f"{side}: {name}: {ended.seconds:.2f} s, exit status {ended.status}\n{ended.stderr}")
    status, said = EXPECTED[side]
    assert ended.status == status, ended.stderr
    assert said in ended.stderr
    assert ended.seconds < PROMISE + MARGIN
    if name != "list":
        assert ended.stdout == ""
