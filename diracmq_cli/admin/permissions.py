"""Who may do what on a broker: the rights of the CS as RabbitMQ's three regular expressions.

Publishers write the queue's exchange and nothing else; consumers read the queue; watchers own private ``amq.gen-*``
queues and read the tap (a stream's watchers read the stream). Operators take and watch, for they look after what
waits; movers write the exchange, for they put back what others had sent (AMQP knows no more of either). Nobody is
granted the default exchange (``amq.default``), through which every queue can be reached.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.core.model import MessagingModel, Principals, QueueSpec, Source
    from diracmq_cli.core.registry import Registry

MAX_LOGIN = 255
"""Octets: a login is compared with ``user_id``, which is a short string."""

NOTHING = "^$"
EVERYTHING = ".*"
_TAIL_QUEUES = r"amq\.gen-.*"
SERVER_LOGIN = re.compile(r"[a-z0-9_-]+")
"""User names of servers: none of them can look like a DN."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one user on one vhost, as RabbitMQ's anchored regular expressions over resource names."""

    user: str
    vhost: str
    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING


@dataclass(slots=True)
class _Rights:
    write: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    tail: bool = False


def grants(model: MessagingModel, registry: Registry) -> tuple[Grant, ...]:
    """The rights of everybody whom the entries of ``model`` name, groups expanded, ordered by vhost and user.

    Raises:
        ConfigError: a name cannot be a broker user; it is refused, never left out in silence.
    """
    rights: dict[tuple[str, str], _Rights] = defaultdict(_Rights)
    for spec in model.queues:
        vhost = spec.service.vhost
        for user in _everybody(registry, spec.source, spec.publishers, spec.movers):
            rights[vhost, user].write.add(spec.exchange)
        for user in _everybody(registry, spec.source, spec.consumers, spec.operators):
            rights[vhost, user].read.add(spec.name)
        for user in _everybody(registry, spec.source, spec.watchers, spec.operators):
            _watch(rights[vhost, user], spec)
    for exchange in model.exchanges:
        for user in users(exchange.publishers, registry, exchange.source):
            rights[exchange.service.vhost, user].write.add(exchange.name)
        for user in users(exchange.watchers, registry, exchange.source):
            watcher = rights[exchange.service.vhost, user]
            watcher.read.add(exchange.name)
            watcher.tail = True
    return tuple(_grant(user, vhost, rights[vhost, user]) for vhost, user in sorted(rights))


def users(principals: Principals, registry: Registry, source: Source) -> tuple[str, ...]:
    """The logins of ``principals``: DNs, the DNs of groups' members, servers' user names; sorted, each once.

    Raises:
        ConfigError: one of them cannot be a login, or a member's DN cannot be read.
    """
    for refusal in (error for group in principals.groups for error in registry.refusals(group)):
        raise refusal
    found = set(principals.dns) | set(principals.users)
    found.update(dn for group in principals.groups for dn in registry.members(group))
    for login in found:
        if len(login.encode()) > MAX_LOGIN:
            raise ConfigError(f"{source}: {login} is longer than {MAX_LOGIN} octets and cannot be a broker user")
    for login in principals.users:
        if not SERVER_LOGIN.fullmatch(login):
            raise ConfigError(f"{source}: {login!r} is no user name for a server: a to z, 0 to 9, _ and - only")
    return tuple(sorted(found))


def _everybody(registry: Registry, source: Source, *named: Principals) -> set[str]:
    return {user for principals in named for user in users(principals, registry, source)}


def exactly(names: Iterable[str], *patterns: str) -> str:
    """A regular expression for these names and nothing else: RabbitMQ does not anchor, and names hold dots.

    ``patterns`` are further alternatives that are regular expressions already.
    """
    alternatives = [*map(re.escape, sorted(names)), *patterns]
    return f"^({'|'.join(alternatives)})$" if alternatives else NOTHING


def _watch(rights: _Rights, spec: QueueSpec) -> None:
    if spec.tap is None:
        rights.read.add(spec.name)
    else:
        rights.read.add(spec.tap)
        rights.tail = True


def _grant(user: str, vhost: str, rights: _Rights) -> Grant:
    tail = [_TAIL_QUEUES] if rights.tail else []
    return Grant(
        user=user,
        vhost=vhost,
        configure=exactly((), *tail),
        write=exactly(rights.write, *tail),
        read=exactly(rights.read, *tail),
    )
