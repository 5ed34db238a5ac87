"""When a connection is made anew: what its credential, and a newer one in the same place, have to do with it."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from diracmq_cli.errors import CredentialError
from diracmq_cli.operations.renewal import Renewal

if TYPE_CHECKING:
    from diracmq_cli.core.identity import Identity
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.wiring.setup import Setup


def renewal_of(setup: Setup, service: BrokerService) -> Renewal:
    """The renewal of a connection to ``service``."""
    life = _Life(setup, service)
    return Renewal(time.monotonic, life.left, life.newer, random.random)


class _Life:
    """How long the credential lasts that we log in to ``service`` with; one with a password does not end."""

    def __init__(self, setup: Setup, service: BrokerService) -> None:
        self._setup, self._service = setup, service
        self._used: Identity | None = None

    def left(self) -> float | None:
        """Seconds that the one has left which a connection was made with just now."""
        if self._setup.login_name(self._service) is not None or not self._service.tls:
            return None
        self._used = self._setup.login_identity(self._service)
        return self._used.not_after - time.time()

    def newer(self) -> bool:
        """Whether the files hold another one of the same person by now, that ends later than that and can be used."""
        self._setup.renew()
        try:
            found = self._setup.login_identity(self._service)
        except CredentialError:
            return False
        return self._used is not None and found.dn == self._used.dn and found.not_after > self._used.not_after
