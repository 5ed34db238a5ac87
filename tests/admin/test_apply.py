"""``broker diff`` and ``broker apply`` on a real broker, through the management API and through rabbitmqctl."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest
from support.broker import Broker
from support.chain_parts import name as subject
from support.chains import root
from support.commands import rows
from support.csserver import CS, TlsServer
from support.forked import Fleet, fleet_in
from support.managed import ACCOUNT, PASSWORD, WAYS, World, management, section
from support.proxies import Holder

from diracmq_cli.admin.changes import Action, Change
from diracmq_cli.admin.entries import Entry, Kind

STRANGERS = [f"/DC=org/DC=example/CN=Stranger {number}" for number in range(7)]


@pytest.fixture(scope="module")
def api(_session_broker: Broker) -> Iterator[int]:
    """The management API, with an account for the service."""
    broker = _session_broker
    if broker.pid is None:
        broker.start()
    with management(broker) as port:
        broker.eval(
            f'rabbit_auth_backend_internal:put_user(#{{name => <<"{ACCOUNT}">>, password => <<"{PASSWORD}">>, '
            'tags => <<"administrator">>}, <<"test">>)'
        )
        yield port
        broker.eval(f'rabbit_auth_backend_internal:delete_user(<<"{ACCOUNT}">>, <<"test">>)')


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """What runs the commands."""
    with fleet_in(tmp_path_factory.mktemp("commands"), at_once=1) as fleet:
        yield fleet


@pytest.fixture
def world(devbroker: Broker, api: int, tmp_path: Path, fleet: Fleet) -> Iterator[World]:
    """A service with one queue: pilot publishes, user does everything; the vhost is not there yet."""
    world = World(devbroker, api, tmp_path, fleet)
    user, pilot = devbroker.dn("user"), devbroker.dn("pilot")
    world.queue(Publishers=f"{user}, {pilot}", Consumers=user, Watchers=user)
    try:
        yield world
    finally:
        world.remove()


@pytest.fixture
def applied(world: World) -> World:
    """The same on the broker."""
    done = world.run("apply")
    assert done.status == 0, done.stderr
    return world


def attempt(world: World, role: str, action: Callable[[Any], object]) -> int | None:
    """The code with which the broker refuses what ``role`` does, or None."""
    connection = world.client(role)
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        action(channel)
    except pika.exceptions.ChannelClosedByBroker as error:
        return int(error.reply_code)
    finally:
        connection.close()
    return None


def get(channel: Any) -> object:
    return channel.basic_get("jobs", auto_ack=True)


def publish(channel: Any) -> object:
    return channel.basic_publish("jobs.x", "k", b"x", mandatory=True)


@pytest.mark.parametrize("way", WAYS)
def test_apply_then_nothing_differs(world: World, way: str) -> None:
    """On a broker without the vhost all is missing; applied, all works; a second run finds nothing to do."""
    world.queue("dead")
    world.queue(Type="quorum", DeadLetterQueue="dead", Bindings="events:job.#")
    world.service["Exchanges"]["events"] = {"Publishers": world.broker.dn("pilot")}
    before = world.run("diff", "-j", way=way)
    assert before.status == 4
    assert {row["change"] for row in rows(before)} == {"add"}
    assert f"{len(rows(before))} to add" in before.stderr
    done = world.again("apply", "-j", way=way)
    assert done.status == 0
    assert [{**row, "done": None} for row in rows(done)] == rows(before)
    assert all(row["done"] for row in rows(done))
    assert attempt(world, "pilot", publish) is None
    assert attempt(world, "pilot", get) == 403
    assert attempt(world, "pilot", lambda channel: channel.basic_publish("jobs.tap", "k", b"x")) == 403
    assert attempt(world, "user", get) is None
    for verb, said in (("diff", "is as the CS wants it"), ("apply", "done: nothing")):
        again = world.again(verb, way=way)
        assert (again.status, again.stdout) == (0, "")
        assert said in again.stderr


@pytest.mark.parametrize("way", WAYS)
def test_losing_one_right_ends_open_connections(applied: World, way: str) -> None:
    """Within 5 s the loser's connections end, with the reason, and nobody else's; the right is gone, others stay."""
    losing, also, staying = (applied.client(role) for role in ("user", "user", "pilot"))
    elsewhere = applied.broker.client("operator")
    get(losing.channel())
    applied.queue(Consumers=None)
    done = applied.run("apply", "-j", way=way)
    ended = time.monotonic()
    assert done.status == 0, done.stderr
    (row,) = rows(done)
    assert (row["change"], row["kind"], row["loser"]) == ("change", "permission", applied.broker.dn("user"))
    assert row["detail"] == "read -jobs"
    for connection in (losing, also):
        with pytest.raises(pika.exceptions.ConnectionClosedByBroker, match="rights changed") as caught:
            connection.process_data_events(5)
        assert caught.value.reply_code == 320
    assert time.monotonic() - ended < 5
    for connection in (staying, elsewhere):
        connection.process_data_events(0.2)
        assert connection.is_open
        connection.close()
    assert attempt(applied, "user", get) == 403
    assert attempt(applied, "user", publish) is None


def test_who_gains_stays_connected(applied: World) -> None:
    """A right more closes nobody's connection."""
    pilot = applied.client("pilot")
    applied.queue(Consumers=f"{applied.broker.dn('user')}, {applied.broker.dn('pilot')}")
    assert applied.run("apply").status == 0
    pilot.process_data_events(0.5)
    get(pilot.channel())
    pilot.close()


@pytest.mark.parametrize("way", WAYS)
def test_what_the_cs_does_not_know_is_reported_and_pruned(applied: World, way: str) -> None:
    """A binding, an exchange, a user: reported by diff, kept without --prune, gone with it. A queue is never deleted,
    nor amq.*; what cannot be removed fails by name and the rest is done.
    """
    applied.administrate()
    connection = applied.client("operator")
    channel = connection.channel()
    channel.queue_declare("foreign", durable=True)
    channel.basic_publish("", "foreign", b"kept")
    channel.exchange_declare("alien", "fanout", durable=True)
    channel.exchange_declare("busy", "fanout", durable=True)
    private = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(private, "busy", "")
    channel.queue_bind("jobs", "alien", "splice.#", {"x": 1})
    channel.exchange_bind("amq.topic", "jobs.tap", "#")
    channel.queue_bind("jobs", "amq.topic", "#")
    applied.add_user(STRANGERS[0])
    found = {(row["change"], row["kind"], row["name"]) for row in rows(applied.again("diff", "-j", way=way))}
    bindings = {
        ("remove", "binding", 'alien -> jobs (splice.#) {"x": 1}'),
        ("remove", "binding", "amq.topic -> jobs (#)"),
    }
    assert found == bindings | {
        ("foreign", "queue", "foreign"),
        ("remove", "exchange", "alien"),
        ("remove", "exchange", "busy"),
        ("remove", "permission", STRANGERS[0]),
        ("remove", "user", STRANGERS[0]),
    }
    kept = applied.again("apply", "-j", way=way)
    assert kept.status == 0
    assert [row["kind"] for row in rows(kept) if row["done"]] == ["permission"]
    assert "5 that the CS does not know stay; --prune removes them" in kept.stderr
    pruned = applied.again("apply", "--prune", way=way)
    assert pruned.status == 4
    assert "remove exchange busy: " in pruned.stderr
    assert "in use" in pruned.stderr.lower().replace("_", " ")
    assert "1 failed" in pruned.stderr
    channel.queue_delete(private)
    left = rows(applied.again("diff", "-j", way=way))
    assert {(row["change"], row["name"]) for row in left} == {("foreign", "foreign"), ("remove", "busy")}
    assert channel.basic_get("foreign")[2] == b"kept"
    connection.close()


@pytest.mark.parametrize("way", WAYS)
def test_an_addition_that_fails_is_named(applied: World, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several that are made together the one that cannot be is told, and the others are there."""
    kinds = {"good": "topic", "bad": "no-such-type", "fine": "fanout"}
    changes = [
        Change(action=Action.ADD, entry=Entry(Kind.EXCHANGE, (applied.vhost, name), {"type": kind, "durable": True}))
        for name, kind in kinds.items()
    ]
    for name, value in applied.environment(way).items():
        monkeypatch.setenv(name, value)
    outcomes = list(applied.control(way).make(changes))
    assert [outcome.change for outcome in outcomes] == changes
    assert [outcome.problem is None for outcome in outcomes] == [True, False, True]
    assert "no-such-type" in (outcomes[1].problem or "")
    assert {"good", "fine"} <= {row["name"] for row in applied.api("GET", f"exchanges/{applied.vhost}")}


def test_an_immutable_difference_is_reported_and_left(world: World) -> None:
    """A queue and an exchange that are otherwise than wanted stay as they are, messages too; exit 4 says so."""
    world.administrate()
    with world.broker.channel("operator", virtual_host=world.vhost) as channel:
        channel.queue_declare("jobs", durable=True, arguments={"x-max-length": 10})
        channel.basic_publish("", "jobs", b"kept")
        channel.exchange_declare("jobs.x", "fanout", durable=True)
    world.queue(MaxLength=20)
    done = world.run("apply", "--prune", "-j")
    assert done.status == 4
    assert "2 only by hand" in done.stderr
    conflicts = {row["name"]: row["detail"] for row in rows(done) if row["change"] == "conflict"}
    assert conflicts["jobs"].startswith("x-max-length is 10, not 20")
    assert conflicts["jobs.x"].startswith("type is fanout, not topic")
    assert [row["change"] for row in rows(world.again("diff", "-j"))] == ["conflict", "conflict"]
    with world.broker.channel("operator", virtual_host=world.vhost) as channel:
        assert channel.basic_get("jobs")[2] == b"kept"


def test_too_many_losses_are_refused(applied: World) -> None:
    """More than five users, and nothing is done but to say who would lose what; --yes or --max-removals does it."""
    for stranger in STRANGERS:
        applied.add_user(stranger, "^(jobs\\.x)$")
    refused = applied.again("apply", "--prune")
    assert (refused.status, refused.stdout) == (78, "")
    assert "7 of " in refused.stderr
    for stranger in STRANGERS:
        assert f"warning: {stranger} would lose permission: write jobs.x" in refused.stderr
    assert applied.users() >= set(STRANGERS)
    dry = applied.again("apply", "--dry-run")
    assert (dry.status, dry.stdout.count("remove\tpermission")) == (0, 7)
    assert "without --yes this will be refused" in dry.stderr
    assert applied.again("apply", "--max-removals", "7").status == 0
    assert not applied.users() & set(STRANGERS)
    for stranger in STRANGERS:
        applied.add_user(stranger)
    assert applied.again("apply", "--prune", "--yes").status == 0
    assert applied.again("diff").status == 0


def test_dry_run_changes_nothing(world: World) -> None:
    """It shows what would be done, and the vhost is not even made."""
    dry = world.run("apply", "--dry-run", "--prune")
    assert dry.status == 0
    assert f"add\tvhost\t-\t{world.vhost}\t" in dry.stdout
    assert "would do " in dry.stderr
    assert world.api("GET", f"vhosts/{world.vhost}") is None


def test_whose_users_are_left_alone(applied: World) -> None:
    """Tags, a right on another vhost, a name that is no DN and not in the CS: --prune takes none of these users."""
    applied.add_user("/DC=org/CN=Tagged", tags="monitoring")
    applied.add_user("/DC=org/CN=Elsewhere", vhost="dirac")
    applied.add_user("robot-of-others")
    done = applied.again("apply", "--prune")
    assert (done.status, done.stdout) == (0, "")
    assert {"/DC=org/CN=Tagged", "robot-of-others"} <= applied.users()
    assert applied.api("GET", "users/%2FDC%3Dorg%2FCN%3DElsewhere") is not None


def test_passwords_of_users(world: World) -> None:
    """A server's password comes from the local CFG; a person who was given one loses it; a second run finds no more."""
    world.service |= {"User": "robot", "Password": "first-secret"}
    world.queue(Publishers=f"user:robot, {STRANGERS[0]}")
    assert world.run("apply").status == 0
    world.add_user(STRANGERS[0])
    world.api("PUT", "users/%2FDC%3Dorg%2FDC%3Dexample%2FCN%3DStranger%200", {"password": "hole", "tags": ""})
    world.api("PUT", "users/robot", {"password": "first-secret", "tags": ""})  # the same, with another salt
    found = rows(world.run("diff", "-j"))
    assert ("change", "user", "loses its password") in {(row["change"], row["kind"], row["detail"]) for row in found}
    assert "robot" not in {row["name"] for row in found}
    assert world.again("apply").status == 0
    world.service["Password"] = "second-secret"
    changed = world.run("apply", "-j")
    assert [(row["name"], row["detail"]) for row in rows(changed)] == [("robot", "another password")]
    world.service["Password"] = None  # a CFG that does not hold it leaves the broker's
    assert world.run("diff").status == 0
    world.broker.eval('rabbit_auth_backend_internal:delete_user(<<"robot">>, <<"test">>)')


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"ManagementPassword": "wrong"}, 77, "refuses service-account"),
        ({"ManagementPassword": None}, 77, "no ManagementPassword"),
        ({"ManagementURL": "https://mq.example.org:15671"}, 78, "none of the service's hosts"),
        ({"ManagementURL": "https://localhost:1"}, 69, "refused"),
        ({"ManagementURL": None}, 78, "has no ManagementURL"),
        ({"ManagementUser": None}, 78, "has no ManagementUser"),
    ],
)
def test_how_the_api_is_not_reached(world: World, change: dict[str, str | None], status: int, said: str) -> None:
    """Each refusal names what is wrong and what to do; no password is shown."""
    world.service |= change
    done = world.run("diff")
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    assert "hint: " in done.stderr or status == 78
    assert PASSWORD not in done.stderr


def test_a_password_that_others_can_read_is_not_sent(world: World) -> None:
    """The CFG file of the service account must be its own."""
    world.write()
    world.cfg.chmod(0o644)
    done = world.again("diff")
    assert done.status == 77
    assert f"chmod 600 {world.cfg}" in done.stderr


def test_a_server_that_cannot_be_verified_gets_no_password(world: World, tmp_path: Path) -> None:
    """Without its CA in the directory of CAs the API is not spoken to."""
    authority = root(subject("DC=org", "CN=Another CA"))
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates/0a1b2c3d.0").write_bytes(authority.pem)
    done = world.run("diff", "--capath", str(tmp_path / "certificates"))
    assert done.status == 77
    assert "its certificate cannot be verified" in done.stderr


def test_an_old_copy_of_the_cs_takes_nothing_away(applied: World, tmp_path: Path) -> None:
    """While no configuration server answers, what its copy says may add but not take away without --yes."""
    layout = applied.broker.layout
    applied.queue(Consumers=None)
    served = CS(applied.text({"ManagementPassword": "of the CS, so no secret and not used"}))
    host = Holder(layout.host_certificate, layout.host_key)
    with TlsServer(host, layout.certificates, served.https) as server:
        servers = f"DIRAC\n{{\nConfiguration\n{{\nServers = {server.url}\n}}\n}}\n"
        applied.cfg.write_text(
            servers + section("Resources", {"MQServices": {"mine": {"ManagementPassword": PASSWORD}}})
        )
        found = applied.again("diff", "-j", XDG_CACHE_HOME=str(tmp_path))
        assert [row["loser"] for row in rows(found)] == [applied.broker.dn("user")], found.stderr
    refused = applied.again("apply", XDG_CACHE_HOME=str(tmp_path))
    assert (refused.status, refused.stdout) == (78, "")
    assert "its copy may be old" in refused.stderr
    assert f"{applied.broker.dn('user')} would lose permission: read -jobs" in refused.stderr
    assert attempt(applied, "user", get) is None
    assert applied.again("apply", "--yes", XDG_CACHE_HOME=str(tmp_path)).status == 0
    assert attempt(applied, "user", get) == 403
