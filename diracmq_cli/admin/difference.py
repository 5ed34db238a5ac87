"""What must change on a broker so that it is as the CS wants it; nothing is asked or done here.

What counts is the vhosts that the CS names. There ``amq.*`` is the broker's own; policies are ours if their names say
so; users are ours if their names are DNs or stand in the CS, unless they have a tag: administrators, and whoever
``apply`` itself logs in as, are somebody else's decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.entries import Entries, Entry, Kind
from diracmq_cli.admin.rights import difference, lost, names

if TYPE_CHECKING:
    from diracmq_cli.core.jsonvalues import Json

POLICY_PREFIX = "dirac-mq-"
_RESERVED = "amq."
_PATTERNS = ("configure", "write", "read")
_TELLING = ("type", "internal", "x-queue-type")
_IMMUTABLE = (Kind.EXCHANGE, Kind.QUEUE)
_REMOVAL_ORDER = (
    Kind.PERMISSION,
    Kind.TOPIC_PERMISSION,
    Kind.LIMIT,
    Kind.USER,
    Kind.BINDING,
    Kind.POLICY,
    Kind.EXCHANGE,
)


def compare(wanted: Entries, live: Entries) -> tuple[Change, ...]:
    """The changes, in an order in which they can be made: first what takes rights away, last what is only removed."""
    vhosts = {entry.name for entry in wanted.values() if entry.kind is Kind.VHOST}
    removed = [change for entry in _foreign(wanted, live, vhosts) for change in _removal(entry)]
    changed = [change for entry in wanted.values() for change in _change(entry, live)]
    return tuple(sorted(removed + changed, key=_order))


def tagged(live: Entries) -> dict[str, tuple[str, ...]]:
    """The users with tags, and their tags."""
    found = {}
    for entry in live.values():
        tags = entry.properties.get("tags")
        if entry.kind is Kind.USER and isinstance(tags, list) and tags:
            found[entry.name] = tuple(map(str, tags))
    return found


def _order(change: Change) -> tuple[int, int, tuple[str, ...]]:
    kinds = list(Kind)
    if change.action is Action.REMOVE:
        rank = _REMOVAL_ORDER.index(change.entry.kind)
        return (0 if change.entry.user is not None else 2), rank, change.entry.identity
    step = 3 if not change.can_be_made else 0 if change.loser is not None else 1
    return step, kinds.index(change.entry.kind), change.entry.identity


def _change(entry: Entry, live: Entries) -> Iterator[Change]:
    """What one wanted entry asks for."""
    if entry.user is not None and entry.user in tagged(live):
        return
    there = live.get(entry.key)
    if there is None:
        narrows = entry.kind is Kind.TOPIC_PERMISSION  # without one, every routing key is allowed
        yield Change(action=Action.ADD, entry=entry, detail=_description(entry), loser=entry.user if narrows else None)
    elif entry.kind is Kind.USER:
        yield from _changed_user(entry, there)
    elif entry.kind is Kind.PERMISSION:
        yield from _changed_permission(entry, there)
    elif differing := _differing(entry, there):
        detail = ", ".join(f"{name} is {_shown(old)}, not {_shown(new)}" for name, (old, new) in differing.items())
        if entry.kind in _IMMUTABLE:
            detail += "; to change it means to delete it"
            yield Change(action=Action.CONFLICT, entry=there, detail=detail)
        else:
            narrows = entry.kind is Kind.TOPIC_PERMISSION
            yield Change(action=Action.CHANGE, entry=entry, detail=detail, loser=entry.user if narrows else None)


def _changed_user(entry: Entry, there: Entry) -> Iterator[Change]:
    """Of a user the password alone counts: tags keep us away, limits are entries of their own."""
    old, new = there.properties["password_hash"], entry.properties["password_hash"]
    if old != new:
        detail = "another password" if old and new else "gets a password" if new else "loses its password"
        yield Change(action=Action.CHANGE, entry=entry, detail=detail, loser=entry.user if old else None)


def _changed_permission(entry: Entry, there: Entry) -> Iterator[Change]:
    pairs = {name: (str(there.properties[name]), str(entry.properties[name])) for name in _PATTERNS}
    differing = {name: pair for name, pair in pairs.items() if lost(*pair) or lost(*reversed(pair))}
    if differing:
        detail = "; ".join(f"{name} {difference(*pair)}" for name, pair in differing.items())
        narrows = any(lost(*pair) for pair in pairs.values())
        yield Change(action=Action.CHANGE, entry=entry, detail=detail, loser=entry.user if narrows else None)


def _differing(entry: Entry, there: Entry) -> dict[str, tuple[Json, Json]]:
    """What is on the broker and what is wanted, of each property (and argument) that differs."""
    old, new = _flat(there), _flat(entry)
    return {
        name: (old.get(name), new.get(name))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    }


def _flat(entry: Entry) -> dict[str, Json]:
    flat: dict[str, Json] = {"x-queue-type": "classic"} if entry.kind is Kind.QUEUE else {}
    for name, value in entry.properties.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


def _shown(value: Json) -> str:
    return "absent" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _foreign(wanted: Entries, live: Entries, vhosts: set[str]) -> Iterator[Entry]:
    """What is on the broker, is ours to judge, and is not wanted."""
    left_alone = tagged(live)
    elsewhere = {
        entry.user
        for entry in live.values()
        if entry.kind in (Kind.PERMISSION, Kind.TOPIC_PERMISSION) and entry.vhost not in vhosts
    }
    for key, entry in live.items():
        if key in wanted or (entry.vhost is not None and entry.vhost not in vhosts) or entry.kind is Kind.VHOST:
            continue
        if entry.user is not None:
            ours = entry.user.startswith("/") or (Kind.USER, (entry.user,)) in wanted
            stays = entry.kind in (Kind.USER, Kind.LIMIT) and entry.user in elsewhere
            if ours and not stays and entry.user not in left_alone and not _follows(entry, wanted):
                yield entry
        elif entry.kind is Kind.POLICY:
            if entry.name.startswith(POLICY_PREFIX):
                yield entry
        elif not _is_brokers(entry):
            yield entry


def _follows(entry: Entry, wanted: Entries) -> bool:
    """Whether it goes with the user himself."""
    return entry.kind is Kind.LIMIT and (Kind.USER, entry.identity[:1]) not in wanted


def _is_brokers(entry: Entry) -> bool:
    """Whether it is the broker's own, or a private queue of somebody who tails, with its binding."""
    name = entry.field("destination") if entry.kind is Kind.BINDING else entry.name
    return not name or name.startswith(_RESERVED)


def _removal(entry: Entry) -> Iterator[Change]:
    if entry.kind is Kind.QUEUE:
        detail = "not in the CS; queues are never deleted, they may hold messages"
        yield Change(action=Action.FOREIGN, entry=entry, detail=detail)
        return
    loses = entry.kind in (Kind.PERMISSION, Kind.USER)
    yield Change(action=Action.REMOVE, entry=entry, detail=_description(entry), loser=entry.user if loses else None)


def _description(entry: Entry) -> str:
    """What an entry amounts to, where its name does not say it."""
    if entry.kind is Kind.PERMISSION:
        pairs = [(name, str(entry.properties[name])) for name in _PATTERNS]
        return "; ".join(f"{name} {', '.join(names(pattern))}" for name, pattern in pairs if lost(pattern, ""))
    if entry.kind in (Kind.EXCHANGE, Kind.QUEUE):
        return " ".join(f"{name}={_shown(value)}" for name, value in _flat(entry).items() if name in _TELLING)
    return str(entry.properties["value"]) if entry.kind is Kind.LIMIT else ""
