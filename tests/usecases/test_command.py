"""``Command`` under ``dirac-consumer``: what a message becomes, in its own queue and in the next one."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import bodies, rows
from support.queues import QueueFactory
from support.usecases import consumer

SCRIPT = """case "$(cat)" in
  good*) echo "did $DIRAC_MQ_ID" ;;
  silent) ;;
  later) test -e %(flag)s || { touch %(flag)s; exit 75; } ;;
  bad) exit 65 ;;
  *) exit 1 ;;
esac"""


@pytest.mark.parametrize("concurrency", [1, 3])
def test_ends_of_commands(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, concurrency: int) -> None:
    """What succeeds is done and its output forwarded under its id; what is refused, or fails, is dead-lettered."""
    dead, _ = make_queue()
    results, _ = make_queue()
    name, cfg = make_queue(DeadLetterQueue=dead)
    sent = devbroker.command(
        ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--json"], input="good 1\ngood 2\nsilent\nlater\nbad\nworse\n"
    )
    ids = [row["message_id"] for row in rows(sent)]
    with consumer(
        devbroker,
        tmp_path,
        cfg,
        name,
        "Command",
        Shell="sh " + str(_script(tmp_path)),
        ForwardTo=results,
        Concurrency=concurrency,
        MaxTries=2,
        MaxMessages=6,
    ) as component:
        done = component.end(60)
    assert (done.status, done.stdout) == (0, "")
    assert "4 handled" in done.stderr
    assert "2 dead-lettered" in done.stderr
    assert "2 failed" in done.stderr
    assert "2 forwarded" in done.stderr
    got = devbroker.command(["dirac-mq", "peek", results, "--cfg", str(cfg), "-j", "-n", "10"])
    forwarded = {row["properties"]["message_id"]: row["body"] for row in rows(got)}
    assert forwarded == {ids[0]: f"did {ids[0]}\n", ids[1]: f"did {ids[1]}\n"}
    left = devbroker.command(["dirac-mq", "peek", dead, "--cfg", str(cfg), "-j", "-n", "10"])
    assert sorted(bodies(left)) == ["bad", "worse"]
    assert devbroker.count(name) == 0


def _script(tmp_path: Path) -> Path:
    script = tmp_path / "work.sh"
    script.write_text(SCRIPT % {"flag": tmp_path / "flag"})
    return script


def test_nowhere_to_forward_to(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Said at the start, and nothing is taken."""
    name, cfg = make_queue(DeadLetterQueue=make_queue()[0])
    devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-m", "stays"])
    section = tmp_path / "c.cfg"
    section.write_text(
        f"Systems\n{{\nTest\n{{\nConsumers\n{{\nConsumer\n{{\nQueues = {name}\nModule = Command\nCommand = true\n"
        "ForwardTo = no.such.queue\n}\n}\n}\n}\n"
    )
    done = devbroker.command(["dirac-consumer", "Test/Consumer", "--cfg", str(cfg), "--cfg", str(section)])
    assert (done.status, done.stdout) == (1, "")
    assert "no.such.queue" in done.stderr
    assert devbroker.count(name) == 1


def test_claims_reach_a_command_as_claims(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A sender who proves nothing can name himself what he likes: DIRAC_MQ_DN stays empty."""
    name, cfg = make_queue()
    told = tmp_path / "told"
    with devbroker.channel("pilot") as channel:
        import pika

        properties = pika.BasicProperties(headers={"dirac-dn": devbroker.dn("operator")})
        channel.basic_publish(f"{name}.x", "", b"x", properties, mandatory=True)
    with consumer(
        devbroker,
        tmp_path,
        cfg,
        name,
        "Command",
        Shell=f'echo "<$DIRAC_MQ_DN> <$DIRAC_MQ_CLAIMED_DN>" > {told}',
        RejectTo=tmp_path / "rejects",
        MaxMessages=1,
    ) as component:
        assert component.end(60).status == 0
    assert told.read_text() == f"<> <{devbroker.dn('operator')}>\n"
