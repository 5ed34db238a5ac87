"""The plan of a broker: what the CS leaves open is decided, what cannot be is refused, what is odd is said."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.specs import SERVICE, exchange, queue

from diracmq_cli.admin.plan import Plan, demands, make_plan
from diracmq_cli.core.model import BrokerService, MessagingModel, Overflow, Principals, QueueSpec, QueueType, Secret
from diracmq_cli.core.registry import Group, Registry
from diracmq_cli.errors import ConfigError, CredentialError

JANE, PILOT = "/DC=org/CN=Jane", "/DC=org/CN=Pilot"
REGISTRY = Registry(
    users={"jane": (JANE,), "pilot": (PILOT,)},
    groups={
        "users": Group(("jane",), ("NormalUser",)),
        "pilots": Group(("pilot",), ("GenericPilot",)),
        "odd": Group(("jane", "broken")),
    },
    refused={"broken": (ConfigError("/Registry/Users/broken/DN in dirac.cfg line 7: a backslash"),)},
)
USERS = Principals(groups=("users",))


def plan_of(*queues: QueueSpec, services: tuple[BrokerService, ...] = (SERVICE,)) -> Plan:
    return make_plan(MessagingModel(queues=queues, services=services), REGISTRY)


@pytest.mark.parametrize(
    ("options", "bound", "overflow"),
    [
        ({}, 10_000_000_000, "reject-publish"),
        ({"type": QueueType.QUORUM}, 10_000_000_000, "reject-publish"),
        ({"type": QueueType.STREAM}, 10_000_000_000, None),
        ({"type": QueueType.STREAM, "max_age": "7D"}, 10_000_000_000, None),
        ({"overflow": Overflow.DROP_HEAD}, 10_000_000_000, "drop-head"),
        ({"max_length": 5}, None, None),
        ({"max_length_bytes": 4096}, 4096, None),
    ],
)
def test_every_queue_has_an_end(options, bound, overflow):
    """A queue without a bound gets 10 GB, and refuses beyond it unless the CS says otherwise."""
    (found,) = plan_of(queue("q", **options)).topology.queues
    arguments = dict(found.arguments)
    assert (arguments.get("x-max-length-bytes"), arguments.get("x-overflow")) == (bound, overflow)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "the queue has no MaxLengthBytes and gets 10 GB"),
        ({"type": QueueType.STREAM, "max_age": "7D"}, "gets 10 GB"),
        ({"max_length": 5}, "its oldest messages are dropped"),
        ({"max_length": 5, "overflow": Overflow.REJECT_PUBLISH}, None),
        ({"max_length": 5, "overflow": Overflow.DROP_HEAD}, None),
        ({"type": QueueType.QUORUM, "max_length": 5}, None),
        ({"publishers": Principals(users=("robot",))}, "user:robot cannot log in"),
    ],
)
def test_what_is_odd_is_said(options, said):
    """A warning names the queue's section and file."""
    found = [text for text in plan_of(queue("q", **options)).concerns if said is None or said in text]
    assert len(found) == (0 if said is None else 1)
    assert all(text.startswith("/Resources/MQServices/dev in dirac.cfg: ") for text in found)


def test_rights_that_reach_pilots_are_said():
    """Publishing is what pilots are for; a right to read is every pilot's, whatever group its proxy names."""
    spec = queue("q", publishers=Principals(dns=(PILOT,)), consumers=USERS, watchers=Principals(groups=("pilots",)))
    (said,) = plan_of(spec).pilot_concerns
    assert said.endswith(f"Watchers reaches {PILOT}, under which pilots run: every pilot gets that right")


def test_connections():
    """Each user has MaxConnections, each pilots' DN MaxPilotConnections; without them there is no limit."""
    spec = queue("q", publishers=Principals(groups=("users", "pilots")))
    limited = replace(SERVICE, max_connections=100, max_pilot_connections=20_000)
    found = {user.name: user.limits for user in plan_of(spec, services=(limited,)).users}
    assert found == {JANE: {"max-connections": 100}, PILOT: {"max-connections": 20_000}}
    assert [user.limits for user in plan_of(spec).users] == [{}, {}]


def test_passwords():
    """PLAIN only where an entry names a User; the hash is the same each time, and only with users is it written."""
    server = replace(SERVICE, name="robots", user="robot", password=Secret("s3cret"))
    spec = queue("q", server, publishers=Principals(users=("robot",)), consumers=USERS)
    plan, again = (plan_of(spec, services=(server,)) for _ in range(2))
    assert plan == again
    assert (plan.demands.passwords, plan_of(queue("q")).demands.passwords) == (True, False)
    assert [bool(user.password_hash) for user in plan.users] == [False, True]
    without, with_users = (json.loads(plan.definitions(with_users=flag)) for flag in (False, True))
    assert (without["users"], without["permissions"]) == ([], [])
    assert [user["name"] for user in with_users["users"]] == [JANE, "robot"]


def test_a_password_that_the_broker_has_to_be_told():
    """A server without a password in the local CFG could not log in, and the operator learns it."""
    server = replace(SERVICE, user="robot")
    assert any("no Password for robot" in text for text in plan_of(services=(server,)).concerns)


def test_the_longest_consumer_timeout_holds_for_the_node():
    """One queue's work may take a day; before RabbitMQ 3.12 the timeout is the node's."""
    assert demands(MessagingModel(services=(SERVICE,))).consumer_timeout == 1800
    queues = (queue("a", consumer_timeout=86400.0), queue("b", consumer_timeout=60.0))
    assert demands(MessagingModel(queues=queues, services=(SERVICE,))).consumer_timeout == 86400


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://mq1.example.org:443", (443, True, False)),
        ("https://mq1.example.org/", (15671, True, False)),
        ("http://localhost:15672", (15672, False, True)),
        ("https://127.0.0.1", (15671, True, True)),
    ],
)
def test_the_management_api(url, expected):
    """It listens where ManagementURL says, over TLS unless it is this machine's alone."""
    found = demands(MessagingModel(services=(replace(SERVICE, management_url=url),))).management
    assert found is not None
    assert (found.port, found.tls, found.loopback) == expected


@pytest.mark.parametrize(
    ("service", "spec", "problem"),
    [
        ({"management_url": "http://mq1.example.org:15672"}, {}, "ManagementURL is in the clear"),
        ({"user": "Robot One"}, {}, "User 'Robot One' may hold a to z, 0 to 9, _ and - only"),
        ({"refusal": "is a Stomp service"}, {}, "is a Stomp service"),
        ({}, {"publishers": Principals(groups=("odd",))}, "/Registry/Users/broken/DN"),
        ({}, {"movers": Principals(dns=("/CN=" + "x" * 260,))}, "longer than 255 octets"),
    ],
)
def test_what_cannot_be_is_refused(service, spec, problem):
    """Each refusal names what it is about; nobody is left out in silence."""
    broken = replace(SERVICE, **service)
    with pytest.raises(ConfigError, match=problem):
        plan_of(queue("q", broken, **spec), services=(broken,))


@pytest.mark.parametrize(
    ("specs", "exchanges", "problem"),
    [
        ((queue("events"),), ("events",), "its exchange events is called as the queue of"),
        ((queue("jobs"), queue("jobs.tap")), (), r"its exchange jobs\.tap is called as the queue of"),
        ((queue("jobs"), queue("jobs.x")), (), r"its exchange jobs\.x is called as the queue of"),
        ((queue("jobs", exchange="jobs"),), (), "its exchange jobs is called as the queue of"),
        ((queue("jobs"),), ("jobs.tap",), r"the exchange jobs\.tap is what watchers of the queue jobs read"),
        ((queue("jobs"), queue("more", exchange="jobs.tap")), (), r"the exchange jobs\.tap is what watchers of"),
        ((queue("jobs"),), ("amq.default",), r"amq\.default is RabbitMQ's own"),
        ((queue("amq.gen-mine"),), (), r"amq\.gen-mine is RabbitMQ's own"),
    ],
)
def test_names_that_would_give_other_rights_are_refused(specs, exchanges, problem):
    """RabbitMQ's rights are on names: who may watch an exchange could empty the queue that is called like it."""
    model = MessagingModel(queues=specs, exchanges=tuple(map(exchange, exchanges)), services=(SERVICE,))
    with pytest.raises(ConfigError, match=problem):
        make_plan(model, REGISTRY)


def test_the_same_names_on_another_vhost():
    """There they are others, and a stream has no tap."""
    there = replace(SERVICE, name="there", vhost="there")
    specs = (queue("jobs"), queue("jobs.tap", there), queue("log", type=QueueType.STREAM), queue("log.tap"))
    model = MessagingModel(queues=specs, services=(SERVICE, there))
    assert {found.name for found in make_plan(model, REGISTRY).topology.queues} == {spec.name for spec in specs}


def test_a_password_that_others_can_read_is_refused():
    """The same error as for whoever would log in with it (77)."""
    broken = replace(SERVICE, user="robot", password_problem=CredentialError("others can read it"))
    with pytest.raises(CredentialError, match="others can read it"):
        plan_of(services=(broken,))


def test_two_management_urls_are_refused():
    """One broker has one HTTP API."""
    services = (replace(SERVICE, management_url="https://a"), replace(SERVICE, name="b", management_url="https://a:1"))
    with pytest.raises(ConfigError, match="more than one ManagementURL"):
        plan_of(services=services)
