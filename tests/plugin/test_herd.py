"""Many connections of one DN, and many logins: limits hold, a proxy's end ends them all, nothing is left behind."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.broker import Broker
from support.chains import YESTERDAY, Issued, proxy
from support.clients import person
from support.rawamqp import all_closed, connect, connect_many

from diracmq_cli.devbroker import Role

SECOND = timedelta(seconds=1)


@contextmanager
def connection_limit(devbroker: Broker, most: int) -> Iterator[None]:
    """As ``MaxConnections`` in the CS sets it for a user."""
    user = f'<<"{devbroker.dn("user")}">>'
    module = "rabbit_auth_backend_internal"
    devbroker.eval(f'{module}:set_user_limits({user}, #{{<<"max-connections">> => {most}}}, <<"test">>)')
    try:
        yield
    finally:
        devbroker.eval(f'{module}:clear_user_limits({user}, <<"max-connections">>, <<"test">>)')


@pytest.mark.parametrize(
    ("count", "life"), [(200, 12 * SECOND), pytest.param(2000, 90 * SECOND, marks=pytest.mark.soak)]
)
def test_a_herd_of_one_dn(devbroker: Broker, write: Callable[..., Path], count: int, life: timedelta) -> None:
    """One DN has so many connections by one proxy, and not one more than its limit; when the proxy ends all are closed
    within seconds, and the one by another proxy of the same DN stays."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    user = person(devbroker, Role.USER)
    until = (datetime.now(UTC) + life).replace(microsecond=0)
    context = devbroker.context(write(proxy(user, life=(YESTERDAY, until)), user))
    staying = devbroker.client("user")
    before = int(devbroker.eval("length(rabbit_networking:connections())"))
    with connection_limit(devbroker, count + 1):
        herd = connect_many(devbroker.port, [context] * count)
        assert datetime.now(UTC) < until, "the machine is too slow for this life"
        assert int(devbroker.eval("length(rabbit_networking:connections())")) == before + count
        assert b"connection limit" in connect(devbroker.port, context)[1]
        closed = all_closed(herd, (until - datetime.now(UTC)).total_seconds() + 30)
    assert closed is not None
    assert until.timestamp() <= closed <= until.timestamp() + 20
    staying.process_data_events(0)
    assert staying.is_open
    staying.close()


COUNTED = """
    [erlang:garbage_collect(P) || P <- processes()],
    [length(processes()), length(erlang:ports()), length(ets:all()), erlang:system_info(atom_count),
     ets:info(rabbit_grid_proxy_files, size), erlang:memory(total)]
"""


def counted(devbroker: Broker) -> list[int]:
    """Processes, ports, tables, atoms, files known, and octets that the node has."""
    return [int(number) for number in devbroker.eval(COUNTED).strip("[]").split(",")]


def login_often(devbroker: Broker, user: Issued, write: Callable[..., Path], count: int) -> None:
    """Log in by so many different proxies of a few seconds, and leave."""
    for _ in range(0, count, 100):
        until = (datetime.now(UTC) + 10 * SECOND).replace(microsecond=0)
        contexts = [devbroker.context(write(proxy(user, life=(YESTERDAY, until)), user)) for _ in range(100)]
        for connection in connect_many(devbroker.port, contexts):
            connection.close()


@pytest.mark.parametrize("count", [600, pytest.param(100_000, marks=pytest.mark.soak)])
def test_logins_leave_nothing(devbroker: Broker, write: Callable[..., Path], count: int) -> None:
    """After so many logins by different proxies the node has no more processes, ports, tables and atoms than before,
    and of memory only what the table of sessions may have."""
    user = person(devbroker, Role.USER)
    login_often(devbroker, user, write, 100)  # what is loaded at first use
    settle(devbroker)
    counted(devbroker)
    before = counted(devbroker)
    login_often(devbroker, user, write, count)
    settle(devbroker)
    after = counted(devbroker)
    grown = [late - early for early, late in zip(before, after, strict=True)]
    assert all(more <= 20 for more in grown[:5]), grown
    assert grown[5] < 20_000_000, grown
    sessions = int(devbroker.eval("ets:info(rabbit_grid_proxy_sessions, size)"))
    assert sessions <= 20_000


def settle(devbroker: Broker) -> None:
    """Wait, inside the node, until it has no connection left: each question from outside leaves it an atom."""
    waiting = "(fun Wait() -> rabbit_networking:connections() =:= [] orelse begin timer:sleep(50), Wait() end end)()"
    assert devbroker.eval(waiting) == "true"
