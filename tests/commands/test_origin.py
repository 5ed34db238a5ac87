"""What the readers say of a message's origin, when somebody lies about it."""

from __future__ import annotations

from typing import Any

import pika
import pytest
from support.broker import Broker
from support.commands import publish, rows
from support.queues import QueueFactory

OTHER = "/DC=org/DC=example/OU=People/CN=Somebody Else"


def _origin(broker: Broker, *argv: str) -> dict[str, Any]:
    """The origin of the one message that peek shows."""
    done = broker.command(["dirac-mq-peek", *argv, "-j"])
    assert (done.status, done.stderr) == (0, "")
    [row] = rows(done)
    origin: dict[str, Any] = row["origin"]
    return origin


def _label(broker: Broker, *argv: str) -> str:
    """The first column that peek shows of the one message in a pipe."""
    done = broker.command(["dirac-mq-peek", *argv])
    assert (done.status, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    return line.split("\t")[0]


def test_an_honest_message(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Sent with our own command: the broker vouches for the DN."""
    name, cfg = make_queue()
    devbroker.command(["dirac-mq-send", name, "-m", "x", "--cfg", str(cfg)], "pilot")
    assert _origin(devbroker, name, "--cfg", str(cfg)) == {"level": "broker", "dn": devbroker.dn("pilot")}
    assert _label(devbroker, name, "--cfg", str(cfg)) == "✓ broker"


@pytest.mark.parametrize(
    ("login", "headers", "origin", "label"),
    [
        pytest.param(False, {}, {"level": "claimed"}, "? claimed", id="says nothing"),
        pytest.param(
            False, {"dirac-dn": OTHER}, {"level": "claimed", "dn": OTHER}, "? claimed", id="claims without user_id"
        ),
        pytest.param(True, {}, {"level": "broker", "dn": "@"}, "✓ broker", id="logs in and claims nothing"),
        pytest.param(
            True,
            {"dirac-dn": OTHER},
            {"level": None, "reason": f"claims {OTHER} but was sent by @", "code": "claims-another"},
            f"✗ claims {OTHER} but was sent by @",
            id="claims to be another",
        ),
        pytest.param(
            True,
            {"CC": ["elsewhere"]},
            {"level": None, "reason": "carries CC or BCC", "code": "rerouting-header"},
            "✗ carries CC or BCC",
            id="CC",
        ),
        pytest.param(
            True,
            {"x-death": [{"queue": "demo.jobs", "exchange": "demo.jobs.x", "reason": "rejected"}]},
            {
                "level": None,
                "reason": "rerouted: died in demo.jobs, whose dead letters do not lead here",
                "code": "rerouted",
            },
            "✗ rerouted: died in demo.jobs, whose dead letters do not lead here",
            id="a forged death",
        ),
    ],
)
def test_what_a_publisher_can_say(
    devbroker: Broker,
    make_queue: QueueFactory,
    login: bool,
    headers: dict[str, Any],
    origin: dict[str, Any],
    label: str,
) -> None:
    """A publisher of his own make says what he likes; the verdict is not his."""
    name, cfg = make_queue()
    dn = devbroker.dn("user")
    publish(devbroker, name, "x", headers=headers, **({"user_id": dn} if login else {}))
    told = {key: value.replace("@", dn) if isinstance(value, str) else value for key, value in origin.items()}
    assert _origin(devbroker, name, "--cfg", str(cfg)) == told
    assert _label(devbroker, name, "--cfg", str(cfg)) == label.replace("@", dn)


def test_somebody_elses_user_id(devbroker: Broker, make_queue: QueueFactory) -> None:
    """The broker itself refuses a user_id that is not the login."""
    name, _ = make_queue()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as refused:
        publish(devbroker, name, "x", user_id=devbroker.dn("operator"))
    assert refused.value.reply_code == 406
    assert devbroker.count(name) == 0


def test_a_message_that_was_spliced_in(devbroker: Broker, make_queue: QueueFactory) -> None:
    """An administrator binds another queue's tap to this queue's exchange: what then arrives is ✗ rerouted."""
    mine, _ = make_queue()
    other, cfg = make_queue()
    with devbroker.channel("operator") as channel:
        channel.exchange_bind(destination=f"{mine}.x", source=f"{other}.tap", routing_key="#")
    done = devbroker.command(["dirac-mq-send", other, "--cfg", str(cfg), "-m", "for the other queue"])
    assert done.status == 0
    assert devbroker.count(mine) == devbroker.count(other) == 1
    reason = f"rerouted: came through exchange '{other}.x', which does not feed {mine}"
    assert _origin(devbroker, mine, "--cfg", str(cfg)) == {"level": None, "reason": reason, "code": "rerouted"}
    assert _label(devbroker, mine, "--cfg", str(cfg)) == f"✗ {reason}"
    assert _origin(devbroker, other, "--cfg", str(cfg))["level"] == "broker"
    script = 'echo "${DIRAC_MQ_DN-nobody},$DIRAC_MQ_ORIGIN,$DIRAC_MQ_CLAIMED_DN"'
    taken = devbroker.command(["dirac-mq-consume", mine, "--cfg", str(cfg), "-n", "1", "-q", "-x", script])
    assert (taken.status, taken.stdout) == (0, f"nobody,,{devbroker.dn('user')}\n")


def test_a_splice_by_who_may_publish_and_watch(devbroker: Broker, make_queue: QueueFactory) -> None:
    """What remains possible, binding a tap that one may watch to an exchange that one may write, is seen through."""
    mine, _ = make_queue()
    other, cfg = make_queue()
    with devbroker.channel("user") as channel:
        channel.exchange_bind(destination=f"{mine}.x", source=f"{other}.tap", routing_key="#")
    devbroker.command(["dirac-mq-send", other, "--cfg", str(cfg), "-m", "x"], "pilot")
    assert _label(devbroker, mine, "--cfg", str(cfg)).startswith("✗ rerouted: came through exchange ")


def test_dead_letters(devbroker: Broker) -> None:
    """A letter that died in the queue whose DeadLetterQueue this is keeps its proof; its key and id too."""
    devbroker.purge("demo.jobs", "demo.dead")
    sent = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-k", "job.1", "-j"])
    with devbroker.channel("user") as channel:
        method, _, _ = channel.basic_get("demo.jobs")
        channel.basic_reject(method.delivery_tag, requeue=False)
    devbroker.wait_count("demo.dead", 1)
    assert _label(devbroker, "demo.dead") == "✓ broker"
    done = devbroker.command(["dirac-mq-consume", "demo.dead", "-n", "1", "-j"])
    [row] = rows(done)
    assert row["origin"] == {"level": "broker", "dn": devbroker.dn("user")}
    assert row["properties"]["message_id"] == rows(sent)[0]["message_id"]
    assert row["headers"]["x-death"][0]["queue"] == "demo.jobs"


def test_through_a_binding_of_the_configuration(devbroker: Broker) -> None:
    """What came through an exchange that the CS binds to the queue is as good as its own."""
    devbroker.purge("demo.jobs")
    devbroker.command(["dirac-mq-send", "demo.events", "-k", "job.1", "-m", "x"])
    assert _origin(devbroker, "demo.jobs")["level"] == "broker"
    devbroker.purge("demo.jobs")
