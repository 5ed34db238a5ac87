"""Fixtures that every test may use: one real broker for the whole run, and queues of one's own."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.broker import Broker, running_broker, running_cluster
from support.faultproxy import FaultProxy, fault_proxy_for
from support.queues import QueueFactory

from diracmq_cli.devbroker import start

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job, whose children would inherit that
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def _session_broker() -> Iterator[Broker]:
    with running_broker() as broker:
        yield broker


@pytest.fixture
def devbroker(_session_broker: Broker) -> Broker:
    """The run's broker, up again if an earlier test left it down."""
    if _session_broker.pid is None:
        _session_broker.start()
    return _session_broker


@pytest.fixture(scope="module")
def module_cluster() -> Iterator[tuple[Broker, ...]]:
    """Three nodes for the tests of one file (15 to 25 s and 400 MB), in whatever state the last test left them."""
    with running_cluster(3) as nodes:
        yield nodes


@pytest.fixture
def cluster(module_cluster: tuple[Broker, ...]) -> tuple[Broker, ...]:
    """The file's three nodes, all up again; each can be killed and started alone."""
    start(module_cluster[0].directory)
    return module_cluster


@pytest.fixture
def fault_proxy(devbroker: Broker) -> Iterator[FaultProxy]:
    """What stands between our commands (``-b fault_proxy.url``) and the devbroker, and misbehaves as it is told."""
    with fault_proxy_for(devbroker) as proxy:
        yield proxy


@pytest.fixture
def make_queue(devbroker: Broker, tmp_path: Path) -> Iterator[QueueFactory]:
    """Make queues for this test alone: ``name, cfg = make_queue(type="quorum", DeliveryLimit=3)``."""
    factory = QueueFactory(devbroker, tmp_path)
    try:
        yield factory
    finally:
        factory.remove()
