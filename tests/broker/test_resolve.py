"""The order in which a broker's addresses are tried."""

from __future__ import annotations

from collections import Counter

from diracmq_cli.broker.resolve import resolve
from diracmq_cli.broker.waiting import Deadline
from diracmq_cli.core.model import HostPort

HOSTS = tuple(HostPort(f"127.0.0.{number}", 5671) for number in (1, 2, 3))


def orders(count: int, *, shuffle: bool) -> Counter[tuple[str, ...]]:
    """How often each order came."""
    found = [resolve(HOSTS, shuffle=shuffle, deadline=Deadline(30), wake_fd=None) for _ in range(count)]
    return Counter(tuple(endpoint.ip for endpoint in each.endpoints) for each in found)


def test_every_client_has_an_order_of_its_own() -> None:
    """All orders of three hosts come up, and each host is the first for about a third of a herd."""
    found = orders(600, shuffle=True)
    assert len(found) == 6
    first = Counter({host.host: 0 for host in HOSTS})
    for order, count in found.items():
        first[order[0]] += count
    assert min(first.values()) > 130


def test_listed_keeps_the_order() -> None:
    """HostOrder = listed: always the same."""
    assert orders(50, shuffle=False) == {("127.0.0.1", "127.0.0.2", "127.0.0.3"): 50}
