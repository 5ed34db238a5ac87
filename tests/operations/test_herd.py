"""A herd of senders whose broker is killed and comes back: each returns at a moment of its own, and nothing is lost."""

from __future__ import annotations

import time

import pytest
from support.broker import Broker
from support.herd import Return, herd_of
from support.senders import drained, first_arrivals

QUEUE = "demo.jobs"
"""It is there, with everybody's rights, from the moment in which the broker listens."""


@pytest.mark.parametrize(("count", "outage"), [(60, 60), pytest.param(1000, 300, marks=pytest.mark.soak)])
def test_a_restart(devbroker: Broker, count: int, outage: float) -> None:
    """SIGKILL in the middle: every client is back, after few attempts; every message has arrived, each client's in
    order."""
    devbroker.purge(QUEUE)
    with herd_of(devbroker, QUEUE, count, period=1, outage=outage) as herd:
        herd.all_connected(0.0, 60 + count / 5)
        lost = time.monotonic()
        devbroker.kill()
        devbroker.start()
        back = time.monotonic()
        herd.all_connected(lost, outage + 30)
        herd.all_settled(60)
        account = herd.account()
    came = Return(account, lost, back)
    assert account.ends == ()
    assert account.settled == {"confirmed": sum(account.fed)}
    assert min(account.fed) > 1
    assert max(came.each) <= 12
    got = first_arrivals(drained(devbroker, QUEUE))
    assert set(got) == account.bodies
    for client, fed in enumerate(account.fed):
        assert [body for body in got if body.startswith(f"{client} ")] == [f"{client} {n}" for n in range(fed)]
