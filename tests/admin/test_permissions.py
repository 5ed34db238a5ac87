"""From Publishers, Consumers and Watchers to RabbitMQ's regular expressions."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from support.specs import OTHER_SERVICE, SERVICE, SOURCE, exchange, queue

from diracmq_cli.admin.permissions import EVERYTHING, NOTHING, Grant, exactly, grants, users
from diracmq_cli.core.model import MessagingModel, Principals, QueueType
from diracmq_cli.core.registry import Group, Registry
from diracmq_cli.errors import ConfigError

JANE = "/DC=org/DC=example/CN=Jane Doe"
PILOT = "/DC=org/DC=example/CN=Pilot"
REGISTRY = Registry(
    users={"jane": (JANE,), "pilot": (PILOT,)},
    groups={"people": Group(("jane",)), "all": Group(("jane", "pilot"))},
)


def test_names_are_escaped_and_anchored():
    """A name matches itself and nothing that merely looks like it, holds it, or begins with it."""
    pattern = exactly(["a.b+c", "d"])
    assert [name for name in ("a.b+c", "d") if re.search(pattern, name)] == ["a.b+c", "d"]
    assert not [name for name in ("aXb+c", "a.bbc", "a.b+cd", "xa.b+c", "dd", "") if re.search(pattern, name)]


def test_nothing_matches_no_resource():
    """Who was granted nothing of a kind can name nothing; the default exchange's resource is ``amq.default``."""
    assert exactly([]) == NOTHING
    assert not re.search(NOTHING, "amq.default")


def test_each_right_grants_what_it_must_and_no_more():
    """Publishers write NAME.x; consumers read the queue; watchers own amq.gen-* queues and read NAME.tap."""
    spec = queue(
        "jobs",
        publishers=Principals(groups=("all",)),
        consumers=Principals(dns=(JANE,)),
        watchers=Principals(groups=("people",)),
    )
    jane, pilot = grants(MessagingModel(queues=(spec,), services=(SERVICE,)), REGISTRY)
    assert pilot == Grant(PILOT, "/", NOTHING, r"^(jobs\.x)$", NOTHING)
    assert jane.configure == r"^(amq\.gen-.*)$"
    assert re.search(jane.write, "jobs.x")
    assert re.search(jane.write, "amq.gen-1")
    assert re.search(jane.read, "jobs")
    assert re.search(jane.read, "jobs.tap")
    forbidden = [("write", "jobs"), ("write", "jobs.tap"), ("read", "jobs.x"), ("write", "amq.default")]
    assert not [(kind, name) for kind, name in forbidden if re.search(getattr(jane, kind), name)]


def test_operators_and_movers():
    """An operator has what a consumer and a watcher have; a mover may put messages in, as a publisher may."""
    alike = (("operators", ("consumers", "watchers")), ("movers", ("publishers",)))
    for option, others in alike:
        named = Principals(dns=(JANE,))
        one, two = (
            grants(MessagingModel(queues=(queue("jobs", **rights),), services=(SERVICE,)), REGISTRY)
            for rights in ({option: named}, dict.fromkeys(others, named))
        )
        assert one == two != ()


def test_a_member_whose_dn_cannot_be_read_is_refused():
    """Whoever is in a group that has a right is not left out of it in silence; other groups do not matter."""
    broken = replace(REGISTRY, refused={"pilot": (ConfigError("/Registry/Users/pilot/DN: ambiguous"),)})
    assert users(Principals(groups=("people",)), broken, SOURCE) == (JANE,)
    with pytest.raises(ConfigError, match="/Registry/Users/pilot/DN: ambiguous"):
        users(Principals(groups=("all",)), broken, SOURCE)


def test_a_stream_is_watched_itself():
    """A stream's watchers read the stream and may declare nothing."""
    spec = queue("log", type=QueueType.STREAM, watchers=Principals(dns=(JANE,)))
    assert grants(MessagingModel(queues=(spec,), services=(SERVICE,)), REGISTRY) == (
        Grant(JANE, "/", NOTHING, NOTHING, "^(log)$"),
    )


def test_exchanges_and_vhosts():
    """Publishers of an exchange write it; rights are counted for each vhost apart."""
    there = replace(OTHER_SERVICE, vhost="other")
    model = MessagingModel(
        queues=(queue("jobs", there, publishers=Principals(dns=(JANE,))),),
        exchanges=(replace(exchange("events"), publishers=Principals(dns=(JANE,))),),
        services=(SERVICE, there),
    )
    assert grants(model, REGISTRY) == (
        Grant(JANE, "/", write="^(events)$"),
        Grant(JANE, "other", write=r"^(jobs\.x)$"),
    )


def test_nobody_named_nobody_granted():
    """A queue without Publishers, Consumers and Watchers gives rights to nobody."""
    assert grants(MessagingModel(queues=(queue("jobs"),), services=(SERVICE,)), REGISTRY) == ()


@pytest.mark.parametrize("name", ["Robot", "/DC=org/CN=x", "a b", ""])
def test_a_server_login_that_could_be_a_dn_is_refused(name):
    """A server's user name cannot look like a DN; the message names it and the section."""
    with pytest.raises(ConfigError, match="no user name for a server") as caught:
        users(Principals(users=(name,)), REGISTRY, SOURCE)
    assert SOURCE.section in str(caught.value)


def test_a_dn_that_cannot_be_a_login_is_refused_by_name():
    """user_id holds 255 octets, and octets are what counts."""
    long = "/DC=org/CN=" + "ü" * 130
    with pytest.raises(ConfigError, match="longer than 255 octets") as caught:
        users(Principals(dns=(long,)), REGISTRY, SOURCE)
    assert long in str(caught.value)


def test_everything_is_for_administrators_only():
    """No grant made from the CS is unbounded."""
    spec = queue("jobs", publishers=Principals(dns=(JANE,)), watchers=Principals(dns=(JANE,)))
    (grant,) = grants(MessagingModel(queues=(spec,), services=(SERVICE,)), REGISTRY)
    assert EVERYTHING not in (grant.configure, grant.write, grant.read)
