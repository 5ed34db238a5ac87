"""What the plan of the CS asks a broker to hold, to be compared with what it holds."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from diracmq_cli.admin.definitions import hash_password
from diracmq_cli.admin.entries import Entries, Entry, Kind, read_entries

if TYPE_CHECKING:
    from diracmq_cli.admin.plan import Plan
    from diracmq_cli.core.jsonvalues import Json
    from diracmq_cli.core.model import BrokerService

_SHA256 = "rabbit_password_hashing_sha256"


def wanted_entries(plan: Plan, services: Iterable[BrokerService], live: Entries) -> Entries:
    """The entries of the plan. Where a user's password is what it shall be, its hash is the broker's.

    A server whose password this CFG does not hold keeps the one that it has: CFGs with passwords are on the servers,
    and seldom all on one.
    """
    passwords = {s.user: s.password.value for s in services if s.user is not None and s.password is not None}
    entries = dict(read_entries(plan.definitions(with_users=True), "the plan"))
    for key, entry in entries.items():
        there = live.get(key)
        if entry.kind is Kind.USER and there is not None and _may_stay(there, entry.name, passwords.get(entry.name)):
            entries[key] = replace(entry, properties={**entry.properties, **_login(there)})
    return entries


def without_password(plan: Plan, live: Entries) -> tuple[str, ...]:
    """The servers that cannot log in by password: neither this CFG nor the broker has one for them."""
    names = [user.name for user in plan.users if _is_server(user.name) and not user.password_hash]
    return tuple(name for name in names if not _hash(live.get((Kind.USER, (name,)))))


def _may_stay(there: Entry, name: str, password: str | None) -> bool:
    if password is None:
        return _is_server(name)
    held = _hash(there)
    if not held or there.properties["hashing_algorithm"] != _SHA256:
        return False
    try:
        salt = base64.b64decode(held)[:4]
    except ValueError:
        return False
    return hash_password(password, salt) == held


def _login(there: Entry) -> dict[str, Json]:
    return {name: there.properties[name] for name in ("password_hash", "hashing_algorithm")}


def _hash(there: Entry | None) -> str:
    return "" if there is None else str(there.properties["password_hash"])


def _is_server(name: str) -> bool:
    return not name.startswith("/")
