"""``dirac-mq-list``: the queues of the CS and what waits in them."""

from __future__ import annotations

import time
from pathlib import Path

from support.adapter import closed_port, listening
from support.broker import Broker
from support.commands import publish, rows, running
from support.queues import QueueFactory

HEADING = "QUEUE\tSERVICE\tTYPE\tREADY\tCONSUMERS\tPROBLEM"


def _cfg(path: Path, services: str) -> list[str]:
    """``--cfg`` with further services."""
    path.write_text(f"Resources\n{{\nMQServices\n{{\n{services}\n}}\n}}\n")
    return ["--cfg", str(path)]


def _service(name: str, port: int, host: str = "localhost", more: str = "", queue: str = "q") -> str:
    queues = f"Queues\n{{\n{queue}\n{{\nType = classic\n}}\n}}"
    return f"{name}\n{{\nHost = {host}\nPort = {port}\nVHost = dirac\n{more}\n{queues}\n}}"


def test_rows(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A row per queue, with what is ready and who consumes; a stream has no count."""
    name, cfg = make_queue()
    publish(devbroker, name, "a", "b")
    with running(devbroker, ["dirac-mq-consume", name, "--cfg", str(cfg), "--follow", "-x", "sleep 5"]) as command:
        time.sleep(1)
        done = devbroker.command(["dirac-mq-list", "-j", "--cfg", str(cfg)])
        command.process.terminate()
    assert (done.status, done.stderr) == (0, "")
    found = {row["address"]: row for row in rows(done)}
    assert {"demo.jobs", "demo.pilots", "demo.audit", "demo.dead", "ComponentMonitoring"} <= {
        row["queue"] for row in found.values()
    }
    mine = found[f"dev::Queues::{name}"]
    assert (mine["queue"], mine["service"], mine["type"], mine["problem"]) == (name, "dev", "classic", None)
    assert mine["consumers"] == 1
    assert mine["ready"] in (0, 1)
    audit = found["dev::Queues::demo.audit"]
    assert (audit["type"], audit["ready"], audit["consumers"]) == ("stream", None, 0)
    monitoring = found["Framework/ComponentMonitoring"]
    assert (monitoring["service"], monitoring["ready"]) == ("Framework", 0)


def test_text_and_patterns(devbroker: Broker) -> None:
    """A pipe gets the columns under a heading, TABs between them; patterns choose by name or address."""
    devbroker.purge("demo.jobs")
    done = devbroker.command(["dirac-mq-list", "demo.j*", "dev::*::demo.audit"])
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [HEADING, "demo.jobs\tdev\tclassic\t0\t0\t-", "demo.audit\tdev\tstream\t-\t0\t-"]
    nothing = devbroker.command(["dirac-mq-list", "nowhere*"])
    assert (nothing.status, nothing.stdout) == (66, "")
    assert nothing.stderr == (
        "dirac-mq-list: error: no queue is called nowhere*\ndirac-mq-list: hint: dirac-mq list shows all\n"
    )


def test_a_service_or_a_broker(devbroker: Broker) -> None:
    """-b names a service, whose queues are shown alone, or the URL of a broker, which is asked about all."""
    done = devbroker.command(["dirac-mq-list", "-b", "Framework", "-j"])
    assert (done.status, done.stderr, [row["queue"] for row in rows(done)]) == (0, "", ["ComponentMonitoring"])
    url = devbroker.command(["dirac-mq-list", "-b", f"amqps://localhost:{devbroker.port}/dirac", "demo.dead", "-j"])
    assert (url.status, url.stderr, [row["problem"] for row in rows(url)]) == (0, "", [None])
    unknown = devbroker.command(["dirac-mq-list", "-b", "nobody"])
    assert (unknown.status, unknown.stdout) == (66, "")
    assert "no service nobody" in unknown.stderr
    assert "hint: known are " in unknown.stderr


def test_a_broker_that_is_away(devbroker: Broker, tmp_path: Path) -> None:
    """One that refuses, one that swallows and one that does not resolve hide nobody else; the first failure is told."""
    with listening() as port:
        more = _cfg(
            tmp_path / "more.cfg",
            _service("away", closed_port()) + _service("mute", port) + _service("gone", 5671, "no-such-host.invalid"),
        )
        started = time.monotonic()
        done = devbroker.command(["dirac-mq-list", "-t", "4s", "-j", *more])
    assert time.monotonic() - started < 6
    assert done.status == 69
    problems = {row["service"]: row["problem"] for row in rows(done)}
    assert problems == {
        "dev": None,
        "away": "unreachable",
        "mute": "unreachable",
        "gone": "no such host",
        "Framework": None,
    }
    assert "connection refused" in done.stderr
    assert "no answer in time" in done.stderr
    assert "no-such-host.invalid" in done.stderr
    assert done.stderr.count("error:") == 1


def test_what_amqp_cannot_reach(devbroker: Broker, tmp_path: Path) -> None:
    """A Stomp entry is listed with the reason; that is no failure."""
    stomp = _cfg(tmp_path / "stomp.cfg", _service("old", 61613, "old.example.org", "MQType = Stomp"))
    done = devbroker.command(["dirac-mq-list", "old::*", "-j", *stomp])
    assert (done.status, done.stderr) == (0, "")
    [row] = rows(done)
    assert row["problem"] == "is a Stomp service; its Port 61613 is not AMQP"
    sent = devbroker.command(["dirac-mq-send", "old::Queues::q", "-m", "x", *stomp])
    assert (sent.status, sent.stdout) == (78, "")
    assert "hint: set AMQPPort = 5671" in sent.stderr


def test_an_entry_that_is_wrong(devbroker: Broker, tmp_path: Path) -> None:
    """A queue that cannot be read is named with section, option and file (78); the others are shown."""
    cfg = tmp_path / "bad.cfg"
    cfg.write_text(
        "Resources\n{\nMQServices\n{\ndev\n{\nQueues\n{\nbad\n{\nType = stream\nMaxLength = 5\n}\n}\n}\n}\n}\n"
    )
    done = devbroker.command(["dirac-mq-list", "--cfg", str(cfg), "-j"])
    assert done.status == 78
    assert "demo.jobs" in [row["queue"] for row in rows(done)]
    for said in ("/Resources/MQServices/dev/Queues/bad", "MaxLength", str(cfg)):
        assert said in done.stderr
    other = devbroker.command(["dirac-mq-list", "demo.dead", "--cfg", str(cfg)])
    assert (other.status, other.stderr) == (0, "")
    asked = devbroker.command(["dirac-mq-peek", "bad", "--cfg", str(cfg)])
    assert (asked.status, asked.stdout) == (78, "")
    assert "MaxLength" in asked.stderr


def test_a_queue_that_the_broker_does_not_have(devbroker: Broker, tmp_path: Path) -> None:
    """It is a row with the reason, between the others."""
    cfg = tmp_path / "ghost.cfg"
    cfg.write_text("Resources\n{\nMQServices\n{\ndev\n{\nQueues\n{\nghost\n{\nType = classic\n}\n}\n}\n}\n}\n")
    done = devbroker.command(["dirac-mq-list", "--cfg", str(cfg), "-b", "dev", "-j"])
    assert (done.status, done.stderr) == (0, "")
    problems = {row["queue"]: row["problem"] for row in rows(done)}
    assert problems.pop("ghost") == "no such queue"
    assert set(problems.values()) == {None}


def test_a_pilot(devbroker: Broker) -> None:
    """On RabbitMQ 3 whoever is let in sees the figures, by AMQP alone."""
    done = devbroker.command(["dirac-mq-list", "-j"], "pilot")
    assert (done.status, done.stderr) == (0, "")
    assert all(row["ready"] is not None or row["type"] == "stream" for row in rows(done))


def test_a_stranger(devbroker: Broker) -> None:
    """Who is not let in gets rows that say so, and the reason once: 77."""
    done = devbroker.command(["dirac-mq-list", "-j"], "stranger")
    assert done.status == 77
    assert {row["problem"] for row in rows(done)} == {"login refused"}
    assert done.stderr.count(devbroker.dn("stranger")) == 1


def test_without_a_configuration(devbroker: Broker) -> None:
    """No CFG at all is 66, and says how to point to one."""
    done = devbroker.command(["dirac-mq-list"], DIRACSYSCONFIG="", DIRAC_ROOT_PATH="/nonexistent")
    assert (done.status, done.stdout) == (66, "")
    assert done.stderr == (
        "dirac-mq-list: error: no configuration was found\n"
        "dirac-mq-list: hint: point to one with --cfg FILE or DIRACSYSCONFIG\n"
    )
