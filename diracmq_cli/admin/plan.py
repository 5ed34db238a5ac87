"""What the CS asks of one broker, worked out once: ``render`` writes it, ``diff`` and ``apply`` compare it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diracmq_cli.admin.bounds import bounded
from diracmq_cli.admin.concerns import concerns, pilot_concerns
from diracmq_cli.admin.conffiles import CONSUMER_TIMEOUT, Demands, Management
from diracmq_cli.admin.definitions import User, definitions, hash_password
from diracmq_cli.admin.names import check_names
from diracmq_cli.admin.permissions import SERVER_LOGIN, Grant, grants
from diracmq_cli.admin.topology import Topology, lay_out
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService, MessagingModel
    from diracmq_cli.core.registry import Registry

_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")
_MANAGEMENT_PORTS = {"https": 15671, "http": 15672}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that one broker should hold and allow.

    ``users`` are all who have a right, ordered by name. ``concerns`` are warnings for the operator, ``pilot_concerns``
    those about rights that reach pilots.
    """

    topology: Topology
    users: tuple[User, ...]
    grants: tuple[Grant, ...]
    demands: Demands
    concerns: tuple[str, ...] = ()
    pilot_concerns: tuple[str, ...] = ()

    def definitions(self, *, with_users: bool) -> str:
        """The definitions file's text. Without users, a restart does not bring back whom ``apply`` has removed."""
        return definitions(self.topology, self.users, self.grants) if with_users else definitions(self.topology)


def make_plan(model: MessagingModel, registry: Registry) -> Plan:
    """Work out the plan of the broker that all of ``model`` is on (``topology.on_broker``).

    Raises:
        ConfigError: entries contradict each other, or name somebody who cannot be a broker user; nothing is left out
            in silence.
        CredentialError: the local CFG holds a password that others can read.
    """
    for service in model.services:
        _check_service(service)
    check_names(model)
    given = grants(model, registry)
    return Plan(
        topology=lay_out(bounded(model)),
        users=_users(given, model.services, registry.pilots()),
        grants=given,
        demands=demands(model),
        concerns=tuple(concerns(model)),
        pilot_concerns=tuple(pilot_concerns(model, registry)),
    )


def demands(model: MessagingModel) -> Demands:
    """What the entries ask of every node; before RabbitMQ 3.12 there is one consumer timeout for a whole node.

    Raises:
        ConfigError: the management API is to be offered in the clear.
    """
    timeouts = [q.consumer_timeout for q in model.queues if q.consumer_timeout is not None]
    apis = {_management(service): None for service in model.services if service.management_url is not None}
    if len(apis) > 1:
        raise ConfigError("the entries of this broker name more than one ManagementURL")
    return Demands(
        passwords=any(service.user is not None for service in model.services),
        consumer_timeout=max([CONSUMER_TIMEOUT, *timeouts]),
        management=next(iter(apis), None),
    )


def _check_service(service: BrokerService) -> None:
    if service.refusal is not None:
        raise ConfigError(f"{service.source}: {service.refusal}", hint=service.refusal_hint)
    if service.password_problem is not None:
        raise service.password_problem
    if service.user is not None and not SERVER_LOGIN.fullmatch(service.user):
        raise ConfigError(f"{service.source}: User {service.user!r} may hold a to z, 0 to 9, _ and - only")


def _management(service: BrokerService) -> Management:
    url = urlsplit(service.management_url or "")
    loopback = _LOOPBACK.fullmatch(url.hostname or "") is not None
    if url.scheme == "http" and not loopback:
        raise ConfigError(
            f"{service.source}: ManagementURL is in the clear, and a password goes that way", hint="make it https://"
        )
    try:
        port = url.port or _MANAGEMENT_PORTS[url.scheme]
    except ValueError:
        raise ConfigError(f"{service.source}: the port in ManagementURL is no port") from None
    return Management(port=port, tls=url.scheme == "https", loopback=loopback)


def _users(given: Sequence[Grant], services: Sequence[BrokerService], pilots: frozenset[str]) -> tuple[User, ...]:
    passwords = {s.user: s.password.value for s in services if s.user is not None and s.password is not None}
    everybody = min((s.max_connections for s in services if s.max_connections is not None), default=None)
    for_pilots = min((s.max_pilot_connections for s in services if s.max_pilot_connections is not None), default=None)
    return tuple(
        User(
            name,
            password_hash=hash_password(passwords[name], _salt(name, passwords[name])) if name in passwords else "",
            max_connections=for_pilots if name in pilots else everybody,
        )
        for name in sorted({grant.user for grant in given})
    )


def _salt(name: str, password: str) -> bytes:
    """Four octets that differ from user to user and stay the same, so that a file is the same when nothing changed."""
    return hmac.digest(password.encode(), name.encode(), hashlib.sha256)[:4]
