"""Fixtures that every test may use: one real broker for the whole run, and queues of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.broker import Broker, running_broker
from support.queues import QueueFactory


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


@pytest.fixture
def make_queue(devbroker: Broker, tmp_path: Path) -> Iterator[QueueFactory]:
    """Make queues for this test alone: ``name, cfg = make_queue(type="quorum", DeliveryLimit=3)``."""
    factory = QueueFactory(devbroker, tmp_path)
    try:
        yield factory
    finally:
        factory.remove()
