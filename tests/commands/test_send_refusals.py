"""``dirac-mq-send`` where it cannot send: each status, and a sentence that helps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.adapter import closed_port, listening
from support.broker import Broker
from support.commands import rows, running, shell, take
from support.queues import QueueFactory


def test_an_unknown_queue(devbroker: Broker) -> None:
    """Exit 66; the hint names what there is, or what comes near."""
    done = devbroker.command(["dirac-mq-send", "nowhere", "-m", "x"])
    assert (done.status, done.stdout) == (66, "")
    error, hint = done.stderr.splitlines()
    assert error == "dirac-mq-send: error: nowhere is not known to the configuration"
    assert hint.startswith("dirac-mq-send: hint: known are dev::Queues::demo.jobs, dev::Queues::demo.pilots, ")
    near = devbroker.command(["dirac-mq-send", "Demo.Job", "-m", "x"])
    assert near.status == 66
    assert near.stderr.endswith("hint: known are dev::Queues::demo.jobs\n")


def test_an_ambiguous_name(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """A bare name that two queues bear is refused with both addresses; each address works."""
    name, cfg = make_queue()
    other = tmp_path / "other.cfg"
    other.write_text(
        f"Resources\n{{\nMQServices\n{{\nother\n{{\nHost = localhost\nPort = {devbroker.port}\nVHost = dirac\n"
        f"Queues\n{{\n{name}\n{{\nType = classic\n}}\n}}\n}}\n}}\n}}\n"
    )
    files = ["--cfg", str(cfg), "--cfg", str(other)]
    done = devbroker.command(["dirac-mq-send", name, "-m", "x", *files])
    assert (done.status, done.stdout) == (66, "")
    assert f"{name} is ambiguous: 2 destinations bear that name" in done.stderr
    assert f"dev::Queues::{name}" in done.stderr
    assert f"other::Queues::{name}" in done.stderr
    for way in ([f"other::Queues::{name}"], [name, "-b", "dev"]):
        assert devbroker.command(["dirac-mq-send", *way, "-m", "x", *files]).status == 0


def test_a_queue_that_only_the_configuration_knows(devbroker: Broker, tmp_path: Path) -> None:
    """What the broker does not have is named; a broker asks for the right before it looks, so 77 without the right."""
    cfg = tmp_path / "more.cfg"
    cfg.write_text("Resources\n{\nMQServices\n{\ndev\n{\nQueues\n{\nghost\n{\nType = classic\n}\n}\n}\n}\n}\n")
    argv = ["dirac-mq-send", "ghost", "-m", "x", "--cfg", str(cfg)]
    refused = devbroker.command(argv)
    assert (refused.status, refused.stdout) == (77, "")
    assert "exchange 'ghost.x'" in refused.stderr
    missing = devbroker.command(argv, "operator")
    assert (missing.status, missing.stdout) == (66, "")
    assert "no exchange 'ghost.x'" in missing.stderr


def test_an_exchange_that_no_queue_is_bound_to(devbroker: Broker) -> None:
    """Exit 67 where the broker returns the message; -j tells it of each message; a bound key goes through."""
    done = devbroker.command(["dirac-mq-send", "demo.events", "-k", "nobody.wants", "-m", "x", "-j"])
    assert done.status == 67
    assert [(row["outcome"], row["reason"]) for row in rows(done)] == [("returned", "312 NO_ROUTE")]
    error, hint = done.stderr.splitlines()
    assert error.startswith("dirac-mq-send: error: dev::Exchanges::demo.events is bound to no queue for this routing")
    assert hint.startswith("dirac-mq-send: hint: check --routing-key")
    bound = devbroker.command(["dirac-mq-send", "demo.events", "-k", "job.done", "-m", "x", "-j"])
    assert (bound.status, bound.stderr) == (0, "")
    assert rows(bound)[0]["outcome"] == "confirmed"
    devbroker.purge("demo.jobs")


def test_nobody_listens(devbroker: Broker) -> None:
    """A refused connection is 69 at once, and every address that was tried is named with its reason."""
    port = f"/Resources/MQServices/dev/Port={closed_port()}"
    started = time.monotonic()
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-o", port])
    assert (done.status, done.stdout) == (69, "")
    assert time.monotonic() - started < 5
    assert done.stderr.startswith("dirac-mq-send: error: no address of dev answered: localhost (127.0.0.1:")
    assert "connection refused" in done.stderr


def test_somebody_listens_and_says_nothing(devbroker: Broker) -> None:
    """A host that swallows everything is 69 within the timeout, from the flag or from the environment."""
    with listening() as port:
        option = f"/Resources/MQServices/dev/Port={port}"
        started = time.monotonic()
        done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-o", option, "-t", "1s"])
        assert (done.status, done.stdout) == (69, "")
        assert time.monotonic() - started < 3
        assert "no answer in time" in done.stderr
        by_environment = devbroker.command(
            ["dirac-mq-send", "demo.jobs", "-m", "x", "-o", option], timeout=8, DIRAC_MQ_TIMEOUT="500ms"
        )
        assert by_environment.status == 69


def test_input_that_does_not_come(devbroker: Broker) -> None:
    """--timeout bounds the whole, also where it is the input that is late."""
    with running(devbroker, ["dirac-mq-send", "demo.jobs", "-t", "1s"]) as command:
        assert command.process.wait(10) == 75
        assert "error: the time is up before the end of the input" in command.stderr


def test_a_host_that_does_not_resolve(devbroker: Broker) -> None:
    """Exit 68, naming the host and where it was named."""
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-b", "amqps://no-such-host.invalid"])
    assert (done.status, done.stdout) == (68, "")
    assert "no-such-host.invalid" in done.stderr
    assert "hint: check Host in the URL in --broker" in done.stderr


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(["-b", "amqps://me:s3cret@localhost"], id="in a URL"),
        pytest.param(["-o", "/Resources/MQServices/dev/Password=s3cret"], id="as an option"),
        pytest.param(["-o", "/LocalInstallation/MessageQueueing/Password=s3cret"], id="as the RFC's option"),
    ],
)
def test_a_secret_is_never_a_flag(devbroker: Broker, flags: list[str]) -> None:
    """Exit 2, saying where to put it, and the secret is not said again."""
    done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", *flags])
    assert (done.status, done.stdout) == (2, "")
    assert "s3cret" not in done.stderr
    assert "file that only you can read" in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-m", "x", "-l"], "-m is one message of its own"),
        (["-m", "x", "/etc/hostname"], "-m is one message of its own"),
        (["-l", "-0"], "exclude each other"),
        (["-l", "--from-json"], "exclude each other"),
        (["-l", "--id", "x"], "--id names one message"),
        (["--id", "x", "/etc/hostname", "/etc/hostname"], "--id names one message"),
        (["-m", "x", "-H", "novalue"], "write NAME=VALUE, or NAME:=JSON"),
        (["-m", "x", "-H", "n:=nojson"], "is not JSON"),
        (["-m", "x", "-H", 'n:={"$ts":"never"}'], "must be a time such as"),
        (["-m", "x", "--ttl", "soon"], "'soon' is not a duration such as 300ms, 5s, 2m, 1h or 3d"),
        (["-m", "x", "--priority", "256"], "256"),
        (["-m", "x", "-o", "Password"], "/Section/Option=value"),
        (["-m", "x", "-b", "https://localhost"], "is not amqps://host"),
        (["-m", "x", "--proxy", "a", "--cert", "b"], "--proxy excludes --cert"),
        (["nothing/here"], "cannot open nothing/here: no such file or directory"),
        (["/etc"], "cannot open /etc: is a directory"),
        (["--no-such-flag"], "No such option: --no-such-flag"),
    ],
)
def test_flags_that_make_no_sense(devbroker: Broker, flags: list[str], said: str) -> None:
    """Exit 2 before anything is read or dialled; stdout stays empty."""
    done = devbroker.command(["dirac-mq-send", "demo.jobs", *flags])
    assert done.stdout == ""
    assert said in done.stderr
    assert done.status == 2


def test_without_standard_input(devbroker: Broker) -> None:
    """Closed standard input is named; with -m it does not matter that any standard stream is closed."""
    done = shell(devbroker, "dirac-mq-send demo.jobs <&-")
    assert (done.status, done.stdout) == (2, "")
    assert "standard input is closed" in done.stderr
    assert "Traceback" not in done.stderr
    devbroker.purge("demo.jobs")
    assert shell(devbroker, "dirac-mq-send demo.jobs -m x <&- >&- 2>&-").status == 0
    assert len(take(devbroker, "demo.jobs")) == 1


@pytest.mark.parametrize(
    ("script", "said"),
    [
        pytest.param(
            "truncate -s 17M big; dirac-mq-send demo.jobs big", "big has more than 16777216 octets", id="file"
        ),
        pytest.param(
            "head -c 17M /dev/zero | dirac-mq-send demo.jobs", "standard input has more than 16777216", id="input"
        ),
        pytest.param("dirac-mq-send demo.jobs -m x -H dirac-dn=/CN=me", "header dirac-dn may not be sent", id="stamp"),
        pytest.param("dirac-mq-send demo.jobs -m x -H CC=other", "header CC may not be sent", id="CC"),
        pytest.param(
            'dirac-mq-send demo.jobs -m x -H "a=$(head -c 120k /dev/zero | tr "\\0" a)" -H "b=$(head -c 120k '
            '/dev/zero | tr "\\0" b)"',
            "do not fit",
            id="headers",
        ),
        pytest.param(
            'dirac-mq-send demo.jobs -m x -k "$(head -c 256 /dev/zero | tr "\\0" a)"',
            "routing key has 256",
            id="routing key",
        ),
        pytest.param(
            "dirac-mq-send demo.jobs --from-json <<< nojson",
            "standard input, line 1: the envelope is not",
            id="no envelope",
        ),
    ],
)
def test_data_that_cannot_be_sent(devbroker: Broker, script: str, said: str) -> None:
    """Exit 65 before the broker would close on it; nothing is sent."""
    devbroker.purge("demo.jobs")
    done = shell(devbroker, script)
    assert (done.status, done.stdout) == (65, "")
    assert said in done.stderr
    assert devbroker.count("demo.jobs") == 0


def test_a_full_queue(devbroker: Broker, make_queue: QueueFactory) -> None:
    """What a full queue rejects is 4 after a part was taken, 75 when nothing was; the receipts say which."""
    name, cfg = make_queue(MaxLength=1, Overflow="reject-publish")
    argv = ["dirac-mq-send", name, "--cfg", str(cfg)]
    done = devbroker.command([*argv, "-l", "-j"], input="a\nb\nc\n")
    outcomes = [row["outcome"] for row in rows(done)]
    assert done.status == 4
    assert outcomes.count("confirmed") == len(take(devbroker, name)) >= 1
    assert outcomes.count("nacked") == 3 - outcomes.count("confirmed") >= 1
    assert "did not take everything (3 sent, " in done.stderr
    assert devbroker.command([*argv, "-m", "fills it"]).status == 0
    full = devbroker.command([*argv, "-m", "x"])
    assert (full.status, full.stdout) == (75, "")
    assert full.stderr.startswith(f"dirac-mq-send: error: dev::Queues::{name} refused the message")


def test_a_broker_that_blocks(devbroker: Broker) -> None:
    """A memory alarm is said while it lasts; at the timeout the fate of what was sent is unknown: 75."""
    alarm = "{{resource_limit, memory, node()}, []}"
    devbroker.purge("demo.jobs")
    devbroker.eval(f"rabbit_alarm:set_alarm({alarm})")
    try:
        done = devbroker.command(["dirac-mq-send", "demo.jobs", "-m", "x", "-t", "2s", "-j"])
    finally:
        devbroker.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")
    assert done.status == 75
    assert [row["outcome"] for row in rows(done)] == ["unknown"]
    assert "dirac-mq-send: the broker of dev blocks publishers (low on memory" in done.stderr
    assert "dirac-mq-send: error: the broker blocks publishers" in done.stderr


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["send", "demo.jobs", "-m", "x"], id="send"),
        pytest.param(["peek", "demo.jobs"], id="peek"),
        pytest.param(["consume", "demo.jobs", "-n", "1"], id="consume"),
        pytest.param(["tail", "demo.jobs", "-n", "1"], id="tail"),
        pytest.param(["tail", "demo.audit", "--last", "1"], id="tail of a stream"),
    ],
)
def test_a_stranger(devbroker: Broker, argv: list[str]) -> None:
    """A good certificate without rights is 77: the broker's refusal, with the DN that it knows us by."""
    done = devbroker.command([f"dirac-mq-{argv[0]}", *argv[1:]], "stranger")
    assert (done.status, done.stdout) == (77, "")
    assert devbroker.dn("stranger") in done.stderr
    assert f"dirac-mq-{argv[0]}: error: " in done.stderr
    assert "Traceback" not in done.stderr
