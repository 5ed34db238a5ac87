"""``dirac-mq-consume -- CMD``: the command's end says what becomes of its message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.broker import Broker
from support.commands import publish, take
from support.queues import QueueFactory


@pytest.fixture
def jobs(devbroker: Broker) -> str:
    """The classic queue of the devbroker with dead letters, both empty."""
    devbroker.purge("demo.jobs", "demo.dead")
    return "demo.jobs"


def _left(broker: Broker) -> tuple[list[bytes], list[bytes]]:
    """What is in demo.jobs and what has died of it."""
    return [body for _, _, body in take(broker, "demo.jobs")], [body for _, _, body in take(broker, "demo.dead")]


def test_what_a_command_gets(devbroker: Broker, jobs: str, tmp_path: Path) -> None:
    """The body on standard input, the envelope on descriptor 3, who and what in the environment."""
    devbroker.command(["dirac-mq-send", jobs, "-m", "the body", "-k", "job.done", "-H", "Some-Thing=7"])
    script = "cat > body; cat <&3 > envelope; env > environment; echo to stdout; echo to stderr >&2"
    done = devbroker.command(
        ["dirac-mq-consume", jobs, "-n", "1", "-x", f"cd {tmp_path}; {script}"], DIRAC_MQ_HEADER_OLD="stale"
    )
    assert (done.status, done.stdout) == (0, "to stdout\n")
    first, second = done.stderr.splitlines()
    assert first == "to stderr"
    assert second.endswith("dirac-mq-consume: dev::Queues::demo.jobs: 1 handled")
    assert (tmp_path / "body").read_bytes() == b"the body"
    envelope = json.loads((tmp_path / "envelope").read_text())
    assert (envelope["body"], envelope["origin"]["level"]) == ("the body", "broker")
    variables = dict(line.split("=", 1) for line in (tmp_path / "environment").read_text().splitlines())
    ours = {name: value for name, value in variables.items() if name.startswith("DIRAC_MQ_")}
    assert ours["DIRAC_MQ_DN"] == devbroker.dn("user")
    assert ours["DIRAC_MQ_ORIGIN"] == "broker"
    assert ours["DIRAC_MQ_ID"] == envelope["properties"]["message_id"]
    assert (ours["DIRAC_MQ_QUEUE"], ours["DIRAC_MQ_ROUTING_KEY"]) == ("demo.jobs", "job.done")
    assert ours["DIRAC_MQ_HEADER_SOME_THING"] == "7"
    assert "DIRAC_MQ_HEADER_OLD" not in ours
    assert "DIRAC_MQ_CLAIMED_DN" not in ours
    assert _left(devbroker) == ([], [])


def test_arguments_are_not_a_shell(devbroker: Broker, jobs: str) -> None:
    """-- CMD ARGS is run as it stands; -x STRING is the shell's."""
    publish(devbroker, jobs, "1", "2")
    done = devbroker.command(["dirac-mq-consume", jobs, "-q", "-n", "1", "--", "echo", "$HOME", "-n", "*"])
    assert (done.status, done.stdout, done.stderr) == (0, "$HOME -n *\n", "")
    done = devbroker.command(["dirac-mq-consume", jobs, "-q", "-n", "1", "-x", "echo $((1+1))"])
    assert (done.status, done.stdout, done.stderr) == (0, "2\n", "")


@pytest.mark.parametrize(
    ("script", "flags", "status", "left", "dead", "said"),
    [
        pytest.param("exit 0", [], 0, [], [], "3 handled", id="0 takes"),
        pytest.param("exit 65", [], 0, [], [b"1", b"2", b"3"], "0 handled, 3 dead-lettered", id="65 dead-letters"),
        pytest.param("exit 9", [], 1, [b"1", b"2", b"3"], [], "(exit 9) and the message is back", id="others stop"),
        pytest.param(
            "exit 9", ["--on-fail", "dead"], 0, [], [b"1", b"2", b"3"], "3 dead-lettered", id="or dead-letter"
        ),
        pytest.param("no-such-command", [], 1, [b"1", b"2", b"3"], [], "(exit 127)", id="127 stops"),
    ],
)
def test_its_end(
    devbroker: Broker,
    jobs: str,
    script: str,
    flags: list[str],
    status: int,
    left: list[bytes],
    dead: list[bytes],
    said: str,
) -> None:
    """Each exit status does to the messages what it should, and stderr says so."""
    publish(devbroker, jobs, "1", "2", "3")
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", *flags, "-x", f"{script} 2>/dev/null"])
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    assert _left(devbroker) == (left, dead)


@pytest.mark.parametrize(
    ("script", "flags", "said"),
    [
        pytest.param("exit 75", [], "exit 75", id="75"),
        pytest.param("kill -9 $$", [], "killed by SIGKILL", id="a signal"),
        pytest.param("exit 9", ["--on-fail", "requeue"], "exit 9", id="others by --on-fail requeue"),
        pytest.param("sleep 20", ["--cmd-timeout", "300ms"], "killed by SIGTERM after it was told to end", id="late"),
    ],
)
def test_given_back(devbroker: Broker, jobs: str, tmp_path: Path, script: str, flags: list[str], said: str) -> None:
    """A message that is not to blame is given back, and handled at its next turn."""
    publish(devbroker, jobs, "1")
    flag = tmp_path / "second"
    once = f"test -e {flag} || {{ touch {flag}; {script}; }}; cat"
    done = devbroker.command(["dirac-mq-consume", jobs, "-n", "1", "-t", "10s", *flags, "-x", once])
    assert (done.status, done.stdout) == (0, "1")
    warning, summary = done.stderr.splitlines()
    assert warning.endswith(f"dirac-mq-consume: warning: message None: {said}")
    assert summary.endswith("dirac-mq-consume: dev::Queues::demo.jobs: 1 handled, 1 given back")
    assert _left(devbroker) == ([], [])


def test_a_program_that_is_not_there(devbroker: Broker, jobs: str) -> None:
    """A command that cannot be started stops the run with its name and the reason; nothing is lost."""
    publish(devbroker, jobs, "1", "2")
    done = devbroker.command(["dirac-mq-consume", jobs, "--drain", "--", "/no/such/program"])
    assert (done.status, done.stdout) == (1, "")
    assert "cannot run /no/such/program: no such file or directory" in done.stderr
    assert _left(devbroker) == ([b"1", b"2"], [])


def test_dead_letters_that_would_be_destroyed(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A command that asks for a dead letter where there is no place for it: 78, and the message stays."""
    name, cfg = make_queue()
    publish(devbroker, name, "1")
    done = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-x", "exit 65"])
    assert (done.status, done.stdout) == (78, "")
    assert "has no dead-letter queue: the message would be destroyed, so it is back in the queue" in done.stderr
    assert "hint: give the queue a DeadLetterQueue in the CS" in done.stderr
    assert [body for _, _, body in take(devbroker, name)] == [b"1"]


def test_a_hostile_header_reaches_a_command_harmless(devbroker: Broker, jobs: str) -> None:
    """Whatever headers hold, the command runs; what does not fit an environment is left out and said."""
    headers = {"big": "x" * 9000, "nul": "a\0b", "LD_PRELOAD": "evil", "ok": "fine"}
    publish(devbroker, jobs, "1", headers=headers)
    script = 'echo "$DIRAC_MQ_TRUNCATED,$DIRAC_MQ_HEADER_OK,$DIRAC_MQ_HEADER_BIG,${LD_PRELOAD-unset},$DIRAC_MQ_ORIGIN"'
    done = devbroker.command(["dirac-mq-consume", jobs, "-q", "-n", "1", "-x", script])
    assert (done.status, done.stdout, done.stderr) == (0, "1,fine,,unset,claimed\n", "")
