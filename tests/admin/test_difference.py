"""What must change on a broker, worked out without one."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.specs import SERVICE, queue

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.difference import compare
from diracmq_cli.admin.entries import Entries, Entry, Kind, read_entries
from diracmq_cli.admin.guard import losses
from diracmq_cli.admin.permissions import exactly
from diracmq_cli.admin.plan import Plan, make_plan
from diracmq_cli.admin.rights import difference, lost
from diracmq_cli.admin.wanted import wanted_entries, without_password
from diracmq_cli.core.model import MessagingModel, Principals, Secret
from diracmq_cli.core.registry import Registry
from diracmq_cli.errors import DataError, ProtocolError

JANE, JOHN = "/DC=org/CN=Jane", "/DC=org/CN=John"
NAMES = st.frozensets(st.text("ab.+|\\()é", min_size=1, max_size=4), max_size=4)


BOTH = Principals(dns=(JANE, JOHN))


def plan(publishers: Principals = BOTH, **service: object) -> Plan:
    where = replace(SERVICE, **service)  # type: ignore[arg-type]
    return make_plan(
        MessagingModel(queues=(queue("jobs", where, publishers=publishers),), services=(where,)), Registry()
    )


def entries(wanted: Plan, live: Entries | None = None, *services: object) -> Entries:
    return wanted_entries(wanted, services or (SERVICE,), live or {})  # type: ignore[arg-type]


@given(NAMES, NAMES)
def test_what_is_lost(before: frozenset[str], after: frozenset[str]) -> None:
    """Between two patterns of ours something is lost when a name is; of odd names rather too much is."""
    old, new = exactly(before), exactly(after)
    gone = [name for name in before if not re.search(new, name)]
    assert lost(old, new) or not gone
    if not any("\\" in name for name in before | after):
        assert lost(old, new) == bool(gone)


@pytest.mark.parametrize(
    ("before", "after", "loses"),
    [
        ("", "^$", False),
        ("^$", "^(a)$", False),
        (".*", "^(a)$", True),
        ("^(a)$", ".*", True),  # a gain, but that takes more than comparing text: connections are closed in vain
        ("^(a|b)$", "^(b|a)$", False),
        ("^(a)", "^(a)$", True),
    ],
)
def test_patterns_of_others(before: str, after: str, loses: bool) -> None:
    """Where it cannot be told, something is lost."""
    assert lost(before, after) is loses


def test_difference_in_words() -> None:
    """Names without escapes; patterns of others as they are."""
    assert difference("^(a\\.b|c)$", "^(c|d)$") == "-a.b +d"
    assert difference(".*", "^(d)$") == "-.* +d"


def test_the_plan_does_not_differ_from_itself() -> None:
    """What render would load is what diff wants; the order of alternatives in a pattern is nothing."""
    wanted = entries(plan())
    assert compare(wanted, wanted) == ()


def test_rights_go_before_anything_is_added() -> None:
    """Whoever loses something loses it first; permissions come before their users; things go last."""
    live = dict(entries(plan()))
    for entry in (Entry(Kind.EXCHANGE, ("/", "old"), {}), Entry(Kind.QUEUE, ("/", "kept"), {"arguments": {}})):
        live[entry.key] = entry
    wanted = entries(plan(Principals(dns=(JANE,)), max_connections=5))
    made = [(change.action, change.entry.kind, change.loser) for change in compare(wanted, live)]
    assert made == [
        (Action.REMOVE, Kind.PERMISSION, JOHN),
        (Action.REMOVE, Kind.USER, JOHN),
        (Action.ADD, Kind.LIMIT, None),
        (Action.REMOVE, Kind.EXCHANGE, None),
        (Action.FOREIGN, Kind.QUEUE, None),
    ]


def test_only_permissions_go_without_prune() -> None:
    """Rights are the CS's to say at once; the user himself waits for --prune."""
    changes = compare(entries(plan(Principals(dns=(JANE,)))), entries(plan()))
    assert [(change.entry.kind, change.needs_prune) for change in changes] == [
        (Kind.PERMISSION, False),
        (Kind.USER, True),
    ]


def test_a_server_without_password_keeps_its_own() -> None:
    """A CFG that does not hold the password neither clears nor invents it, and says so when there is none at all."""
    robot = plan(Principals(users=("robot",)))
    assert without_password(robot, {}) == ("robot",)
    holding = replace(SERVICE, user="robot", password=Secret("x"))
    held = entries(make_plan(MessagingModel(queues=(queue("jobs", holding, publishers=Principals(users=("robot",))),),
                                            services=(holding,)), Registry()), None, holding)  # fmt: skip
    assert without_password(robot, held) == ()
    assert compare(entries(robot, held), held) == ()


def test_versions_write_the_same_in_several_ways() -> None:
    """Tags as text or list, limits and arguments as an empty list, a classic queue without its type."""
    text = json.dumps(
        {
            "users": [{"name": "a", "password_hash": "", "tags": "administrator,x", "limits": []}],
            "queues": [{"vhost": "/", "name": "q", "durable": True, "arguments": []}],
            "parameters": [{"anything": 1}],
        }
    )
    found = read_entries(text, "it")
    assert found[Kind.USER, ("a",)].properties["tags"] == ["administrator", "x"]
    assert found[Kind.QUEUE, ("/", "q")].properties["arguments"] == {}


@pytest.mark.parametrize(
    "text", ["[]", '{"users":[1]}', '{"users":[{"tags":""}]}', '{"queues":[{"vhost":1,"name":"q"}]}']
)
def test_what_is_no_definitions_document(text: str) -> None:
    """One error, which names where it came from."""
    with pytest.raises(ProtocolError, match="the broker is no definitions document"):
        read_entries(text, "the broker")
    with pytest.raises(DataError):
        read_entries(text + "}", "the broker")


@pytest.mark.parametrize(
    ("losers", "users", "limit", "refused"),
    [(5, 5, None, False), (6, 6, None, True), (10, 100, None, False), (11, 100, None, True), (1, 9, 0, True)],
)
def test_how_many_may_lose_at_once(losers: int, users: int, limit: int | None, refused: bool) -> None:
    """The larger of five and a tenth, or what the flag says; one person counts once, however much he loses."""
    live = {entry.key: entry for entry in (Entry(Kind.USER, (str(n),)) for n in range(users))}
    changes = [
        Change(action=Action.REMOVE, entry=Entry(kind, ("/", str(n))), loser=str(n))
        for n in range(losers)
        for kind in (Kind.PERMISSION, Kind.USER)
    ]
    assert (losses(changes, live).excess(limit) is not None) is refused
