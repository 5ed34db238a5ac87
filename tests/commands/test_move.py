"""``dirac-mq move``: nothing is lost on the way, dead letters go back to where they died, and nowhere else."""

from __future__ import annotations

import signal
import time
from typing import NamedTuple

import pytest
from support.broker import Broker, Completed
from support.commands import publish, rows, running, take
from support.deadletters import death, ids_in, publish_numbered, reject_all
from support.queues import QueueFactory

MOVERS = "group:dirac_user"


class Graves(NamedTuple):
    """Three queues, each of which lets letters die in its own way, and the one where they all go."""

    dead: str
    rejected: str
    quorum: str
    expired: str
    cfg: str


@pytest.fixture
def graves(make_queue: QueueFactory) -> Graves:
    dead, _ = make_queue(Publishers=None)
    rejected, _ = make_queue(DeadLetterQueue=dead, Movers=MOVERS)
    quorum, _ = make_queue(type="quorum", DeadLetterQueue=dead, Movers=MOVERS)
    expired, cfg = make_queue(DeadLetterQueue=dead, Movers=MOVERS, Bindings="demo.events:move.#")
    return Graves(dead, rejected, quorum, expired, str(cfg))


def _bury(broker: Broker, graves: Graves, each: tuple[int, int, int]) -> list[set[str]]:
    """Let so many letters die in each of the three queues; returns their ids."""
    ids = [[f"{queue}-{number}" for number in range(count)] for queue, count in zip(graves[1:4], each, strict=True)]
    publish_numbered(broker, f"{graves.rejected}.x", "a.b", ids[0])
    publish_numbered(broker, f"{graves.quorum}.x", "", ids[1], role="pilot")
    with broker.channel("user") as channel:
        import pika

        dn = broker.dn("user")
        for message_id in ids[2]:
            properties = pika.BasicProperties(message_id=message_id, user_id=dn, expiration="1", delivery_mode=2)
            channel.basic_publish("demo.events", "move.one", message_id.encode(), properties, mandatory=True)
    reject_all(broker, graves.rejected, each[0])
    reject_all(broker, graves.quorum, each[1])
    broker.wait_count(graves.dead, sum(each), timeout=20)
    return [set(each) for each in ids]


def _move(broker: Broker, *argv: str, role: str = "user") -> Completed:
    return broker.command(["dirac-mq", "move", *argv], role)


def _figures(done: Completed) -> set[tuple[str, str, int]]:
    return {(row["outcome"], row["queue"].rpartition("::")[2], row["count"]) for row in rows(done)}


def test_a_thousand_dead_letters_with_a_kill_in_the_middle(devbroker: Broker, graves: Graves) -> None:
    """Each is back in its own queue; only what was in flight at the SIGKILL is there twice, under its own id."""
    ids = _bury(devbroker, graves, (400, 300, 300))
    argv = ["dirac-mq", "move", graves.dead, "--redrive", "--cfg", graves.cfg]
    with running(devbroker, [*argv, "--rate", "400/s"]) as command:
        deadline = time.monotonic() + 20
        while devbroker.count(graves.rejected) < 100:
            assert time.monotonic() < deadline, command.stderr
            time.sleep(0.02)
        command.signal(signal.SIGKILL)
        command.process.wait(5)
    deadline = time.monotonic() + 10
    while (left := devbroker.count(graves.dead)) == 0:
        assert time.monotonic() < deadline
    assert left < 1000, "it was killed before it moved anything"
    time.sleep(0.5)  # what it held is ready again
    again = devbroker.command([*argv, "-j"])
    assert (again.status, again.stderr) == (0, "")
    assert devbroker.count(graves.dead) == 0
    found = [ids_in(devbroker, queue) for queue in graves[1:4]]
    assert [set(each) for each in found] == ids
    twice = [message_id for each in found for message_id, count in each.items() if count > 1]
    assert len(twice) <= 200
    assert max(count for each in found for count in each.values()) <= 2
    assert sum(row["count"] for row in rows(again)) <= 1000


def test_what_comes_back_is_what_was_sent(devbroker: Broker, graves: Graves) -> None:
    """Ids, properties, application headers and the routing key are as they were; the broker's notes are gone."""
    _bury(devbroker, graves, (1, 1, 1))
    done = _move(devbroker, graves.dead, "--redrive", "--cfg", graves.cfg, "-j")
    assert (done.status, done.stderr) == (0, "")
    assert _figures(done) == {("moved", queue, 1) for queue in graves[1:4]}
    ((method, properties, body),) = take(devbroker, graves.rejected)
    assert (method.exchange, method.routing_key) == (f"{graves.rejected}.x", "a.b")
    assert (properties.message_id, properties.correlation_id) == (f"{graves.rejected}-0", f"c-{graves.rejected}-0")
    assert body == f"body of {graves.rejected}-0".encode()
    moved = properties.headers.pop("dirac-moved")
    dn = devbroker.dn("user")
    assert properties.headers == {"dirac-dn": dn, "x-app": 7, "shard": 3}
    assert (properties.user_id, moved) == (
        dn,
        {"by": dn, "from": f"dev::Queues::{graves.dead}", "user_id": dn, "level": "broker"},
    )


def test_readers_believe_a_mover_and_nobody_else(devbroker: Broker, graves: Graves) -> None:
    """The pilot's letter is the pilot's again, moved by the user; the same words from the pilot himself are ✗."""
    publish_numbered(devbroker, f"{graves.quorum}.x", "", ["one"], role="pilot")
    reject_all(devbroker, graves.quorum, 1)
    devbroker.wait_count(graves.dead, 1)
    assert _move(devbroker, graves.dead, "--redrive", "--cfg", graves.cfg).status == 0
    user, pilot = devbroker.dn("user"), devbroker.dn("pilot")
    devbroker.wait_count(graves.quorum, 1)
    argv = ["dirac-mq-consume", graves.quorum, "-n", "1", "--cfg", graves.cfg]
    (row,) = rows(devbroker.command([*argv, "-j"]))
    assert row["origin"] == {"level": "broker", "dn": pilot, "moved_by": user}
    words = {"dirac-dn": user, "dirac-moved": {"by": pilot, "from": "x", "user_id": user, "level": "broker"}}
    publish(devbroker, graves.quorum, "forged", role="pilot", user_id=pilot, headers=words)
    shown = devbroker.command(argv).stdout
    assert shown.startswith(f"✗ was moved by {pilot}, who is not among the Movers of {graves.quorum}\t")


def test_moved_is_said_on_a_line(devbroker: Broker, graves: Graves) -> None:
    """The text names the mover beside the level, and whose the message is."""
    publish_numbered(devbroker, f"{graves.rejected}.x", "", ["one"], role="pilot")
    _redriven(devbroker, graves, graves.rejected)
    shown = devbroker.command(["dirac-mq-peek", graves.rejected, "--cfg", graves.cfg]).stdout
    assert shown.startswith(f"✓ broker (moved by {devbroker.dn('user')})\t")
    assert f"\t{devbroker.dn('pilot')}\t" in shown


def _redriven(broker: Broker, graves: Graves, queue: str) -> None:
    """The one message of a queue dies and is put back."""
    reject_all(broker, queue, 1)
    broker.wait_count(graves.dead, 1)
    done = _move(broker, graves.dead, "--redrive", "--cfg", graves.cfg)
    assert (done.status, done.stderr) == (0, "")
    broker.wait_count(queue, 1)


@pytest.mark.parametrize("destination", ["queue", "exchange"])
def test_a_signature_still_holds(devbroker: Broker, graves: Graves, destination: str) -> None:
    """What was signed for the queue, or for an exchange that feeds it, is signed still, even after a second death."""
    to = [graves.expired] if destination == "queue" else ["dev::Exchanges::demo.events", "-k", "move.signed"]
    argv = ["dirac-mq-send", *to, "--cfg", graves.cfg, "--sign", "-m", "as signed"]
    assert devbroker.command(argv, "pilot").status == 0
    for _ in range(2):
        _redriven(devbroker, graves, graves.expired)
        (row,) = rows(devbroker.command(["dirac-mq-peek", graves.expired, "--cfg", graves.cfg, "-j"]))
        assert row["origin"] == {
            "level": "signed",
            "dn": devbroker.dn("pilot"),
            "moved_by": devbroker.dn("user"),
        }
    assert row["headers"]["dirac-moved"]["user_id"] == devbroker.dn("pilot")


def test_forged_letters_go_nowhere(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Whatever x-death names: no such queue, one whose dead letters go elsewhere, one that the forger may not write.

    What he could as well have published there himself is no harm.
    """
    dead, _ = make_queue()
    other, _ = make_queue()
    closed, _ = make_queue(DeadLetterQueue=dead, Movers=MOVERS, Publishers="group:dirac_pilot")
    mine, cfg = make_queue(DeadLetterQueue=dead, Movers=MOVERS)
    dn = devbroker.dn("user")
    forged: dict[str, tuple[object, str | None]] = {
        "nowhere": ([death("no.such", "no.such.x")], dn),
        "elsewhere": ([death(other, f"{other}.x")], dn),
        "not-allowed": ([death(closed, f"{closed}.x")], dn),
        "by-nobody": ([death(mine, f"{mine}.x")], None),
        "through-another": ([death(mine, f"{other}.x")], dn),
        "oldest-counts": ([death(mine, f"{mine}.x"), death(other, f"{other}.x")], dn),
        "no-list": ("x", dn),
        "no-table": ([1], dn),
        "no-death": (None, dn),
        "his-own": ([death(mine, f"{mine}.x")], dn),
    }
    for name, (deaths, user_id) in forged.items():
        headers = {} if deaths is None else {"x-death": deaths}
        publish(devbroker, dead, name, user_id=user_id, message_id=name, headers=headers)
    publish_numbered(devbroker, f"{mine}.x", "", ["real"])
    reject_all(devbroker, mine, 1)
    devbroker.wait_count(dead, len(forged) + 1)
    done = _move(devbroker, dead, "--redrive", "--cfg", str(cfg), "-j")
    assert done.status == 4
    assert f"dev::Queues::{dead}: 2 moved, 9 left" in done.stderr
    left = {
        message_id: row["reason"] for row in rows(done) if row["outcome"] == "left" for message_id in row["message_ids"]
    }
    expected = set(forged) - {"his-own"}
    assert expected <= set(left)
    assert "dead letters do not lead here" in left["nowhere"]
    assert "dead letters do not lead here" in left["elsewhere"]
    assert f"{dn} may not publish to {closed}" in left["not-allowed"]
    assert "nobody vouches for its sender" in left["by-nobody"]
    assert "it has no x-death" in left["no-death"]
    assert (devbroker.count(other), devbroker.count(closed)) == (0, 0)
    assert ids_in(devbroker, dead).keys() == expected
    assert ids_in(devbroker, mine).keys() == {"real", "his-own"}


def test_a_full_queue(devbroker: Broker, make_queue: QueueFactory) -> None:
    """What the target refuses stays where it was, the others go on: 4; 75 where everything is refused."""
    dead, _ = make_queue(Publishers=None)
    small, _ = make_queue(DeadLetterQueue=dead, Movers=MOVERS, MaxLength=50, Overflow="reject-publish")
    large, cfg = make_queue(DeadLetterQueue=dead, Movers=MOVERS)
    for _ in range(3):
        publish_numbered(devbroker, f"{small}.x", "", [f"s{number}" for number in range(40)])
        reject_all(devbroker, small, 40)
    publish_numbered(devbroker, f"{large}.x", "", [f"l{number}" for number in range(100)])
    reject_all(devbroker, large, 100)
    devbroker.wait_count(dead, 220, timeout=10)
    done = _move(devbroker, dead, "--redrive", "--cfg", str(cfg), "-j")
    assert done.status == 4
    assert f"dev::Queues::{small} takes no more" in done.stderr
    moved = {row["queue"]: row["count"] for row in rows(done) if row["outcome"] == "moved"}
    held = devbroker.count(small)
    assert moved == {f"dev::Queues::{small}": held, f"dev::Queues::{large}": 100}
    assert held >= 50
    assert devbroker.count(dead) == 120 - held
    publish_numbered(devbroker, f"{large}.x", "", ["last"])
    reject_all(devbroker, large, 1)
    one = _move(devbroker, dead, "--redrive", "--cfg", str(cfg), "-n", "1", "-j")
    assert (one.status, ("moved", large, 1) in _figures(one)) == (0, True), "what is refused does not count"
    again = _move(devbroker, dead, "--redrive", "--cfg", str(cfg))
    assert again.status == 75
    assert f"dev::Queues::{small} takes no more" in again.stderr
    assert (devbroker.count(small), devbroker.count(dead)) == (held, 120 - held)


def test_an_interrupt_settles_what_is_in_flight(devbroker: Broker, graves: Graves) -> None:
    """SIGINT: what was published is confirmed and taken off, so that nothing is there twice; the shell sees 130."""
    _bury(devbroker, graves, (150, 0, 0))
    argv = ["dirac-mq", "move", graves.dead, "--redrive", "--cfg", graves.cfg, "--rate", "60/s", "-j"]
    with running(devbroker, argv) as command:
        deadline = time.monotonic() + 20
        while devbroker.count(graves.rejected) < 20:
            assert time.monotonic() < deadline, command.stderr
            time.sleep(0.02)
        command.signal(signal.SIGINT)
        done = command.end()
    assert (done.status, done.stderr) == (-signal.SIGINT, "")
    ((row),) = rows(done)
    assert row["count"] == devbroker.count(graves.rejected)
    assert devbroker.count(graves.dead) + row["count"] == 150
    assert 20 <= row["count"] < 150


def test_a_dry_run_changes_nothing(devbroker: Broker, graves: Graves) -> None:
    """The same counts as the real one, and every letter where it was, in order."""
    _bury(devbroker, graves, (5, 3, 2))
    argv = [graves.dead, "--redrive", "--cfg", graves.cfg]
    done = _move(devbroker, *argv, "--dry-run", "-j")
    assert (done.status, done.stderr) == (0, "")
    expected = {("would move", queue, count) for queue, count in zip(graves[1:4], (5, 3, 2), strict=True)}
    assert _figures(done) == expected
    assert devbroker.count(graves.dead) == 10
    text = _move(devbroker, *argv, "--dry-run", "-n", "4").stdout.splitlines()
    assert text[0] == "MESSAGES\tOUTCOME\tQUEUE\tREASON"
    assert sum(int(line.partition("\t")[0]) for line in text[1:]) == 4
    with devbroker.channel("operator") as channel:
        channel.basic_publish("", graves.dead, b"no letter")
    part = _move(devbroker, *argv, "--dry-run")
    assert (part.status, "10 would move, 1 left" in part.stderr) == (4, True)
    assert "it is no dead letter" in part.stdout
    real = _move(devbroker, *argv, "-j")
    assert _figures(real) == {("moved", q, c) for _, q, c in expected} | {("left", graves.dead, 1)}


def test_from_queue_to_queue(devbroker: Broker, make_queue: QueueFactory) -> None:
    """All that waits, or -n of it, in order; a message that nobody vouched for is still a claim."""
    source, _ = make_queue()
    target, cfg = make_queue(Movers=MOVERS)
    publish_numbered(devbroker, f"{source}.x", "a.key", ["a", "b"])
    publish(devbroker, source, "c", message_id="c", headers={"dirac-dn": "/CN=Nobody"})
    one = _move(devbroker, source, target, "--cfg", str(cfg), "-n", "1", "-j")
    assert (one.status, one.stderr, _figures(one)) == (0, "", {("moved", target, 1)})
    rest = _move(devbroker, source, target, "--cfg", str(cfg), "-n", "5", "-j")
    assert (rest.status, _figures(rest)) == (4, {("moved", target, 2)})
    assert "2 moved (5 were asked for)" in rest.stderr
    found = rows(devbroker.command(["dirac-mq-consume", target, "--cfg", str(cfg), "--drain", "-j"]))
    assert [row["properties"]["message_id"] for row in found] == ["a", "b", "c"]
    assert [row["routing_key"] for row in found] == ["a.key", "a.key", ""]
    mover = devbroker.dn("user")
    assert [row["origin"] for row in found] == [
        *[{"level": "broker", "dn": mover, "moved_by": mover}] * 2,
        {"level": "claimed", "dn": "/CN=Nobody", "moved_by": mover},
    ]
    nothing = _move(devbroker, source, target, "--cfg", str(cfg))
    assert (nothing.status, nothing.stdout) == (3, "")
    assert nothing.stderr == f"dirac-mq-move: error: nothing waits in dev::Queues::{source}\n"


def test_signed_for_another_queue(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A signature says nothing about a queue that its signer did not mean; the mover's word still does."""
    source, _ = make_queue()
    target, cfg = make_queue(Movers=MOVERS)
    argv = ["dirac-mq-send", source, "--cfg", str(cfg), "--sign", "-m", "x"]
    assert devbroker.command(argv, "pilot").status == 0
    assert _move(devbroker, source, target, "--cfg", str(cfg)).status == 0
    (row,) = rows(devbroker.command(["dirac-mq-peek", target, "--cfg", str(cfg), "-j"]))
    assert row["origin"] == {"level": "broker", "dn": devbroker.dn("pilot"), "moved_by": devbroker.dn("user")}
    assert row["headers"]["dirac-moved"]["level"] == "signed"


def test_an_exchange_that_leads_nowhere(devbroker: Broker, make_queue: QueueFactory) -> None:
    """67, and the message is where it was."""
    source, _ = make_queue()
    target, cfg = make_queue(Movers=MOVERS)
    publish(devbroker, source, "x")
    with devbroker.channel("operator") as channel:
        channel.queue_unbind(target, f"{target}.x", "#")
    done = _move(devbroker, source, target, "--cfg", str(cfg))
    assert done.status == 67
    assert f"exchange {target}.x leads to no queue" in done.stderr
    assert devbroker.count(source) == 1


def test_refused_before_anything_is_taken(devbroker: Broker, make_queue: QueueFactory, graves: Graves) -> None:
    """Who is no Mover, a low delivery limit, a stream, no queue that dies there, and flags that make no sense."""
    low, _ = make_queue(type="quorum", DeliveryLimit=3)
    plain, _ = make_queue()
    stream, cfg = make_queue(type="stream")
    publish(devbroker, plain, "x")
    refusals = [
        ([plain], 2, "say where to"),
        ([plain, graves.rejected, "--redrive"], 2, "say where to"),
        ([plain, plain], 2, "cannot be moved into itself"),
        ([stream, plain], 2, "is a stream"),
        ([plain, "dev::Exchanges::demo.events"], 2, "is an exchange"),
        ([plain, low, "--rate", "0"], 2, "is not a rate such as"),
        ([low, graves.rejected], 78, "DeliveryLimit = 3"),
        ([plain, "--redrive"], 78, "sends its dead letters to"),
        ([plain, low], 77, f"{devbroker.dn('user')} is not among the Movers"),
    ]
    for argv, status, said in refusals:
        done = _move(devbroker, *argv, "--cfg", str(cfg))
        assert (done.status, done.stdout, said in done.stderr) == (status, "", True), (argv, done.stderr)
    assert devbroker.count(plain) == 1
    forced = _move(devbroker, plain, low, "--force", "--cfg", str(cfg))
    assert (forced.status, forced.stderr) == (0, "")


def test_a_connection_that_is_lost(devbroker: Broker, graves: Graves) -> None:
    """69, with what is known; nothing is in neither queue, and the next run moves the rest."""
    ids = _bury(devbroker, graves, (150, 0, 0))[0]
    argv = ["dirac-mq", "move", graves.dead, "--redrive", "--cfg", graves.cfg]
    with running(devbroker, [*argv, "--rate", "60/s", "-j"]) as command:
        deadline = time.monotonic() + 20
        while devbroker.count(graves.rejected) < 20:
            assert time.monotonic() < deadline, command.stderr
            time.sleep(0.02)
        devbroker.eval('[rabbit_networking:close_connection(P, "try") || P <- rabbit_networking:connections()]')
        done = command.end()
    assert done.status == 69
    assert "closed the connection: 320 CONNECTION_FORCED - try" in done.stderr
    assert {row["outcome"] for row in rows(done)} <= {"moved", "unknown"}
    again = devbroker.command(argv)
    assert (again.status, again.stderr) == (0, "")
    assert ids_in(devbroker, graves.rejected).keys() == ids
    assert devbroker.count(graves.dead) == 0


def test_a_broker_that_blocks(devbroker: Broker, graves: Graves) -> None:
    """While the broker takes nothing, nothing is taken off; after --timeout that is 75, and where it is, is said."""
    ids = _bury(devbroker, graves, (20, 0, 0))[0]
    watermark = devbroker.eval("vm_memory_monitor:get_vm_memory_high_watermark()")
    argv = [graves.dead, "--redrive", "--cfg", graves.cfg]
    try:
        devbroker.eval("vm_memory_monitor:set_vm_memory_high_watermark(0.00001)")
        time.sleep(0.5)
        started = time.monotonic()
        done = _move(devbroker, *argv, "-t", "3s", "-j")
        assert time.monotonic() - started < 15
    finally:
        devbroker.eval(f"vm_memory_monitor:set_vm_memory_high_watermark({watermark})")
    assert done.status == 75
    assert "nothing was moved" in done.stderr
    assert {row["outcome"] for row in rows(done)} == {"unknown"}
    time.sleep(1)
    assert _move(devbroker, *argv).status in (0, 3)
    assert ids_in(devbroker, graves.rejected).keys() == ids


def test_what_a_mover_needs(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Consumers of the dead letters, Movers of the queue where they died: with no more rights than these it goes."""
    dead, _ = make_queue(Publishers=None, Consumers="group:dirac_user, group:dirac_pilot", Watchers=None)
    name, cfg = make_queue(DeadLetterQueue=dead, Movers="group:dirac_pilot", Publishers="group:dirac_user")
    publish_numbered(devbroker, f"{name}.x", "", ["one"])
    reject_all(devbroker, name, 1)
    devbroker.wait_count(dead, 1)
    assert _move(devbroker, dead, "--redrive", "--cfg", str(cfg)).status == 77, "the user is no Mover"
    done = _move(devbroker, dead, "--redrive", "--cfg", str(cfg), "-j", role="pilot")
    assert (done.status, done.stderr, _figures(done)) == (0, "", {("moved", name, 1)})
    assert devbroker.command(["dirac-mq-consume", name, "-n", "1", "--cfg", str(cfg)], "pilot").status == 77
    (row,) = rows(devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j"]))
    assert row["origin"] == {"level": "broker", "dn": devbroker.dn("user"), "moved_by": devbroker.dn("pilot")}
