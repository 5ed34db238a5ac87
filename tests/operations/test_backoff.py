"""When a connection is tried again: what keeps a herd from coming back all at once (DESIGN 7)."""

from __future__ import annotations

import random
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from support.broker import Broker

from diracmq_cli.core.ports import Publisher, Session
from diracmq_cli.errors import BrokerLost
from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.redial import Backoff, Patience, Redial
from diracmq_cli.wiring.dialling import ThreadDialler
from diracmq_cli.wiring.sendoptions import OUTAGE_OF_MANY
from diracmq_cli.wiring.setup import Choices, Setup


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def at_most() -> float:
    """The longest pause that jitter may give."""
    return 1.0


def pauses(outage: float, jitter: Callable[[], float], count: int) -> list[float]:
    backoff = Backoff(outage, jitter)
    return [backoff.next() for _ in range(count)]


def test_spans_double_to_five_minutes() -> None:
    """The first span is 30 s for a stream of lines, the last 5 min."""
    assert pauses(OUTAGE_OF_MANY, at_most, 6) == [30, 60, 120, 240, 300, 300]


@pytest.mark.parametrize(("outage", "first"), [(5, 0.5), (30, 3), (300, 30), (86400, 30)])
def test_a_short_outage_begins_with_short_pauses(outage: float, first: float) -> None:
    """A tenth of what the loss may last at most, and never above 30 s."""
    assert pauses(outage, at_most, 1) == [first]


def test_jitter_is_full() -> None:
    """Each pause is uniform from 0 to its span: a herd's first attempts are as many in each second."""
    dice = random.Random(1)
    first = [pauses(300, dice.random, 1)[0] for _ in range(30_000)]
    seconds = [sum(second <= pause < second + 1 for pause in first) for second in range(30)]
    assert sum(seconds) == 30_000
    assert min(seconds) > 850
    assert max(seconds) < 1150


@contextmanager
def redial(setup: Setup, time: Time, patience: Patience) -> Iterator[Redial[Publisher]]:
    """The line of a sender to the service ``dev``, with the longest pauses."""

    def connect(timeout: float) -> Session:
        return setup.open(setup.service("dev"), timeout=timeout)

    line = Redial(
        ThreadDialler(setup.renew, connect, lambda session: session.publisher(), lambda _session: None),
        patience,
        whole=Deadline(time, None),
        backoff=Backoff(OUTAGE_OF_MANY, at_most),
        clock=time,
        say=lambda _text: None,
    )
    try:
        yield line
    finally:
        line.close()


def attempt(line: Redial[Publisher]) -> bool:
    """Make the attempt that is due; whether it gave a connection."""
    line.advance()
    number = line.fileno()
    assert number is not None, f"nothing is tried for {line.due} s"
    assert select.select([number], [], [], 60)[0], "the attempt does not end"
    return line.advance()


def setup_of(broker: Broker, *options: str) -> Setup:
    return Setup(Choices(environment=broker.env(), options=options))


def test_no_attempt_before_its_time(devbroker: Broker) -> None:
    """While nobody listens the pauses grow, and between them nothing is tried."""
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    time = Time()
    setup = setup_of(devbroker, f"/Resources/MQServices/dev/Port={port}", "/Resources/MQServices/dev/Host=localhost")
    with redial(setup, time, Patience(outage=OUTAGE_OF_MANY, for_ever=True)) as line:
        for pause in (30, 60, 120, 240, 300, 300):
            assert not attempt(line)
            assert line.due == pause
            time.now += pause - 0.1
            line.advance()
            assert not line.dialling
            time.now += 0.1


def test_a_minute_makes_a_connection_good(devbroker: Broker) -> None:
    """A connection that was lost within a minute is tried again later than before, one that stood longer is a new
    loss."""
    time = Time()
    with redial(setup_of(devbroker), time, Patience(outage=OUTAGE_OF_MANY, for_ever=True)) as line:
        assert attempt(line)
        for stood, pause in ((1, 30), (59, 60), (59, 120), (60, 30), (1, 60)):
            time.now += stood
            line.lost(BrokerLost("cut"))
            assert line.due == pause
            time.now += pause
            assert attempt(line)


def test_an_outage_is_not_slept_through(devbroker: Broker) -> None:
    """Whoever gives up in the end tries at least three times before."""
    time = Time()
    with redial(setup_of(devbroker), time, Patience(outage=OUTAGE_OF_MANY)) as line:
        assert attempt(line)
        for pause in (30, 60, 100, 100):
            line.lost(BrokerLost("cut"))
            assert line.due == pause
            time.now += pause
            assert attempt(line)
            line.end_outage()
