"""Nothing that a publisher can put into a message ends a reader: each is shown or rejected, and the next one comes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.broker import Broker
from support.commands import rows, running, take
from support.hostile import HOSTILE, publish_raw
from support.queues import QueueFactory

BODIES = ["good 0", *(body for number, name in enumerate(HOSTILE, 1) for body in (name, f"good {number}"))]
"""Each hostile message between two good ones."""


def _publish(broker: Broker, queue: str) -> None:
    with broker.channel("user") as channel:
        for body in BODIES:
            if body in HOSTILE:
                publish_raw(channel.connection, f"{queue}.x", "", HOSTILE[body], body.encode())
            else:
                channel.basic_publish(f"{queue}.x", "", body.encode())


@pytest.fixture(params=["classic", "quorum"])
def queue(devbroker: Broker, make_queue: QueueFactory, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A queue with all of it, and its CFG."""
    limit = 1_000_000 if request.param == "quorum" else None
    name, cfg = make_queue(type=request.param, DeliveryLimit=limit)
    _publish(devbroker, name)
    devbroker.wait_count(name, len(BODIES))
    return name, str(cfg)


def _check(shown: list[dict[str, Any]]) -> None:
    """All bodies in order; the good ones without defect, the others with what can be known."""
    assert [row["body"] for row in shown] == BODIES
    found = {str(row["body"]): row for row in shown}
    assert not any("defect" in row for body, row in found.items() if body.startswith("good"))
    assert found["a timestamp that no calendar holds"]["headers"]["when"] == {"$ts": str(2**64 - 1)}
    assert "defect" in found["an array 3,000 deep"]
    assert "headers_b64" in found["an array 3,000 deep"]
    assert found["100 kB of headers"]["headers"]["big"] == "h" * 100_000
    for body in HOSTILE:
        assert found[body]["origin"]["level"] in (None, "claimed")


def test_json(devbroker: Broker, queue: tuple[str, str]) -> None:
    """peek -j and consume -j show all of it; afterwards the queue is empty."""
    name, cfg = queue
    count = str(len(BODIES))
    peeked = devbroker.command(["dirac-mq-peek", name, "--cfg", cfg, "-n", count, "-j"])
    assert (peeked.status, peeked.stderr) == (0, "")
    _check(rows(peeked))
    consumed = devbroker.command(["dirac-mq-consume", name, "--cfg", cfg, "--drain", "-j"])
    assert (consumed.status, consumed.stderr) == (0, "")
    _check(rows(consumed))
    assert take(devbroker, name) == []


def test_text(devbroker: Broker, queue: tuple[str, str]) -> None:
    """peek and consume as text show a line for each, with a verdict and the body."""
    name, cfg = queue
    for argv in (["dirac-mq-peek", "-n", str(len(BODIES))], ["dirac-mq-consume", "--drain"]):
        done = devbroker.command([*argv, name, "--cfg", cfg])
        assert (done.status, done.stderr) == (0, "")
        lines = [line.split("\t") for line in done.stdout.splitlines()]
        assert [line[-1] for line in lines] == BODIES
        verdicts = {line[-1]: line[0] for line in lines}
        assert verdicts["an array 3,000 deep"].startswith("✗ malformed headers: ")
        assert verdicts["good 0"] == "? claimed"


def test_a_command(devbroker: Broker, queue: tuple[str, str]) -> None:
    """A command gets each body and envelope, whatever the headers are."""
    name, cfg = queue
    script = "cat; echo; cat <&3"
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", cfg, "--drain", "-q", "-x", script])
    assert (done.status, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[::2] == BODIES
    _check([json.loads(line) for line in lines[1::2]])


def test_tail(devbroker: Broker, make_queue: QueueFactory) -> None:
    """tail goes on after each, in text and in JSON."""
    name, cfg = make_queue()
    argv = ["dirac-mq-tail", name, "--cfg", str(cfg), "-n", str(len(BODIES))]
    with running(devbroker, [*argv, "-j"]) as first, running(devbroker, argv) as second:
        first.says("following copies")
        second.says("following copies")
        _publish(devbroker, name)
        as_json, as_text = first.end(), second.end()
    assert (as_json.status, as_json.stderr.count("\n")) == (0, 1)
    _check(rows(as_json))
    assert (as_text.status, as_text.stderr.count("\n")) == (0, 1)
    assert [line.split("\t")[-1] for line in as_text.stdout.splitlines()] == BODIES


def test_a_stream(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A stream's reader goes on too (RabbitMQ 3 itself drops array headers there)."""
    name, cfg = make_queue(type="stream")
    _publish(devbroker, name)
    argv = ["dirac-mq-tail", name, "--cfg", str(cfg), "-q", "--offset", "first", "-n", str(len(BODIES)), "-j"]
    done = devbroker.command(argv)
    assert (done.status, done.stderr) == (0, "")
    assert [row["body"] for row in rows(done)] == BODIES
