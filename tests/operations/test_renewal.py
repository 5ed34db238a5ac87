"""A connection is renewed late in its credential's life, each of a herd at another moment."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from support.broker import Broker
from support.clients import short_proxy

from diracmq_cli.operations.deadline import Deadline
from diracmq_cli.operations.renewal import Renewal
from diracmq_cli.wiring.renewing import renewal_of
from diracmq_cli.wiring.setup import Choices, Setup

HOUR = 3600.0


def test_a_herd_with_one_proxy_renews_at_random() -> None:
    """Between three quarters and nineteen twentieths of a life of twelve hours, as many in each minute."""
    dice = random.Random(1)
    herd = [Renewal(lambda: 0.0, lambda: 12 * HOUR, lambda: True, dice.random) for _ in range(14_400)]
    for each in herd:
        each.begin()
    at = [each.look.left or 0 for each in herd]
    assert min(at) >= 9 * HOUR
    assert max(at) <= 11.4 * HOUR
    minutes = [sum(9 * HOUR + 60 * n <= moment < 9 * HOUR + 60 * (n + 1) for moment in at) for n in range(144)]
    assert min(minutes) > 50
    assert max(minutes) < 150


def test_what_counts_as_newer(devbroker: Broker, tmp_path: Path) -> None:
    """A proxy of the same person that ends later than the one in use; not an earlier one, somebody else's, or none."""
    file = tmp_path / "proxy.pem"
    short_proxy(devbroker, file, 600)
    setup = Setup(Choices(environment=devbroker.env(X509_USER_PROXY=str(file))))
    renewal = renewal_of(setup, setup.service("dev"))
    renewal.begin()
    assert 0.7 * 600 - 60 < (renewal.look.left or 0) < 0.96 * 600

    def due() -> bool:
        renewal.look = Deadline(lambda: 0.0, 0)
        return renewal.due

    assert not due()
    shutil.copy(devbroker.layout.pki / "pilot.proxy.pem", file)
    assert not due()
    file.unlink()
    assert not due()
    short_proxy(devbroker, file, 500)
    assert not due()
    short_proxy(devbroker, file, 550)
    assert not due()
    short_proxy(devbroker, file, 700)
    assert due()
