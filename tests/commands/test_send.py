"""``dirac-mq-send``: what reaches the queue, as an independent client sees it."""

from __future__ import annotations

import re
import time

import pytest
from support.broker import Broker
from support.commands import rows, shell, take
from support.queues import QueueFactory

UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


@pytest.fixture
def jobs(devbroker: Broker) -> str:
    """The classic queue of the devbroker, empty."""
    devbroker.purge("demo.jobs", "demo.dead")
    return "demo.jobs"


def test_a_sent_message_bears_the_stamp(devbroker: Broker, jobs: str) -> None:
    """user_id is the end entity's DN, the headers say who and from where, the id is a UUIDv7; it is persistent."""
    before = int(time.time())
    done = devbroker.command(["dirac-mq-send", jobs, "-m", "payload started"])
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(method, properties, body)] = take(devbroker, jobs)
    dn = devbroker.dn("user")
    assert body == b"payload started"
    assert method.exchange == "demo.jobs.x"
    assert properties.user_id == dn
    assert properties.headers["dirac-dn"] == dn
    assert properties.headers["dirac-host"]
    assert properties.headers["dirac-ip"] == "127.0.0.1"
    assert properties.headers["dirac-group"] == "dirac_user"
    assert properties.headers["dirac-vo"] == "example"
    assert not {"dirac-site", "dirac-ce", "dirac-pilot", "dirac-job"} & properties.headers.keys()
    assert UUID7.fullmatch(properties.message_id)
    assert properties.delivery_mode == 2
    assert properties.app_id.startswith("dirac-mq/")
    assert before <= properties.timestamp <= time.time()
    assert properties.content_type == "text/plain"


def test_a_pilot_says_where_it_runs(devbroker: Broker, jobs: str) -> None:
    """Pilot stamp, job and site come from the environment that DIRAC's pilot sets, the rest from its CFG."""
    done = devbroker.command(
        ["dirac-mq-send", jobs, "-m", "x", "-o", "/LocalSite/GridCE=ce.example.org"],
        "pilot",
        DIRAC_PILOT_STAMP="stamp1",
        JOBID="4711",
        DIRACSITE="LCG.CERN.ch",
    )
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(_, properties, _)] = take(devbroker, jobs)
    said = {name: properties.headers.get(f"dirac-{name}") for name in ("pilot", "job", "site", "ce")}
    assert said == {"pilot": "stamp1", "job": "4711", "site": "LCG.CERN.ch", "ce": "ce.example.org"}
    assert properties.user_id == devbroker.dn("pilot")


def test_message_flags(devbroker: Broker, jobs: str) -> None:
    """Every message flag arrives as the AMQP property of its name; ``:=`` makes typed headers, ``=`` strings."""
    flags = [
        *("-k", "job.done", "--type", "status", "--content-type", "application/x-status", "--priority", "7"),
        *("--ttl", "1h", "--correlation-id", "c1", "--reply-to", "answers", "--id", "my-id"),
        *("-H", "colour=red", "-H", "n:=42", "-H", 'list:=[true,null,"x"]', "-H", "empty=", "-H", "e=a=b"),
    ]
    done = devbroker.command(["dirac-mq-send", jobs, "-m", "x", *flags])
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(method, properties, _)] = take(devbroker, jobs)
    assert method.routing_key == "job.done"
    assert (properties.type, properties.content_type, properties.priority) == ("status", "application/x-status", 7)
    assert (properties.expiration, properties.correlation_id, properties.reply_to) == ("3600000", "c1", "answers")
    assert properties.message_id == "my-id"
    sent = {name: value for name, value in properties.headers.items() if not name.startswith("dirac-")}
    assert sent == {"colour": "red", "n": 42, "list": [True, None, "x"], "empty": "", "e": "a=b"}


def test_anonymous_leaves_the_person_out(devbroker: Broker, jobs: str) -> None:
    """Neither login, nor DN, nor group are on the message; host and id are."""
    done = devbroker.command(["dirac-mq-send", jobs, "-m", "x", "--anonymous"])
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(_, properties, _)] = take(devbroker, jobs)
    assert properties.user_id is None
    assert not {"dirac-dn", "dirac-group"} & properties.headers.keys()
    assert properties.headers["dirac-host"]
    assert UUID7.fullmatch(properties.message_id)


def test_standard_input_is_left_alone(devbroker: Broker, jobs: str) -> None:
    """With -m or FILE, whoever comes after us still finds all of standard input."""
    done = shell(devbroker, f"printf x | (dirac-mq-send {jobs} -m a; dirac-mq-send {jobs} /etc/hostname; cat)")
    assert (done.status, done.stdout, done.stderr) == (0, "x", "")
    assert len(take(devbroker, jobs)) == 2


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param("printf 'all of it\\n' | dirac-mq-send Q", [b"all of it\n"], id="standard input"),
        pytest.param("dirac-mq-send Q < /dev/null", [b""], id="empty standard input"),
        pytest.param("printf 'a\\n\\nb' | dirac-mq-send Q -q -l", [b"a", b"", b"b"], id="lines"),
        pytest.param("printf 'a\\nb\\0c' | dirac-mq-send Q -q -0", [b"a\nb", b"c"], id="records"),
        pytest.param("printf 1 >f1; printf 2 >f2; dirac-mq-send Q f1 f2", [b"1", b"2"], id="files"),
        pytest.param("printf '1\\n2\\n' >f1; dirac-mq-send Q -q -l f1 f1", [b"1", b"2"] * 2, id="lines of files"),
        pytest.param("dirac-mq-send Q -m $'\\xff\\xfe'", [b"\xff\xfe"], id="an argument that is not UTF-8"),
        pytest.param("dirac-mq-send Q -m ''", [b""], id="an empty argument"),
    ],
)
def test_inputs(devbroker: Broker, jobs: str, script: str, expected: list[bytes]) -> None:
    """Each way to give messages gives exactly these octets, in order."""
    done = shell(devbroker, script.replace("Q", jobs))
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    assert [body for _, _, body in take(devbroker, jobs)] == expected


def test_envelopes_in(devbroker: Broker, jobs: str) -> None:
    """--from-json keeps id, key and headers, makes the stamp anew, and flags override."""
    envelope = (
        '{"v":1,"routing_key":"k","properties":{"message_id":"kept","user_id":"/CN=forged"},'
        '"headers":{"dirac-dn":"/CN=forged","n":1},"body":"x"}\n'
    )
    done = devbroker.command(["dirac-mq-send", jobs, "--from-json", "-H", "n=2"], input=envelope)
    assert (done.status, done.stdout) == (0, "")
    assert done.stderr.endswith("dirac-mq-send: dev::Queues::demo.jobs: 1 sent, 1 confirmed\n")
    [(method, properties, body)] = take(devbroker, jobs)
    assert (method.routing_key, properties.message_id, properties.headers["n"], body) == ("k", "kept", "2", b"x")
    assert properties.user_id == properties.headers["dirac-dn"] == devbroker.dn("user")


def test_a_bad_envelope_is_named_by_line(devbroker: Broker, jobs: str) -> None:
    """What stands before a bad line is sent and counted; the line is named, and the status is 65."""
    done = devbroker.command(["dirac-mq-send", jobs, "--from-json"], input='{"v":1,"body":"x"}\n{"v":2}\n')
    assert (done.status, done.stdout) == (65, "")
    assert "1 sent, 1 confirmed" in done.stderr
    assert "dirac-mq-send: error: standard input, line 2: v must be 1" in done.stderr
    assert [body for _, _, body in take(devbroker, jobs)] == [b"x"]


def test_receipts(devbroker: Broker, jobs: str) -> None:
    """-j writes one receipt per message, with the id that the message bears, in order."""
    done = devbroker.command(["dirac-mq-send", jobs, "-l", "-j"], input="a\nb\nc\n")
    assert done.status == 0
    assert "3 sent, 3 confirmed" in done.stderr
    ids = [properties.message_id for _, properties, _ in take(devbroker, jobs)]
    assert rows(done) == [{"message_id": each, "outcome": "confirmed"} for each in ids]
    assert len(set(ids)) == 3


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        pytest.param([], r"\S+Z dirac-mq-send: dev::Queues::demo.jobs: 2 sent, 2 confirmed\n", id="a summary"),
        pytest.param(["-q"], "", id="quiet"),
    ],
)
def test_summary(devbroker: Broker, jobs: str, flags: list[str], said: str) -> None:
    """Lines end in one line of figures on stderr, with the time before it off a terminal; -q silences it."""
    done = devbroker.command(["dirac-mq-send", jobs, "-l", *flags], input="a\nb\n")
    assert (done.status, done.stdout) == (0, "")
    assert re.fullmatch(said, done.stderr)


@pytest.mark.parametrize("size", [50_000, 131_072, 1_000_000])
def test_large_bodies(devbroker: Broker, jobs: str, size: int) -> None:
    """Bodies of many frames arrive octet for octet."""
    body = bytes(range(256)) * (size // 256) + b"\n"
    done = devbroker.command(["dirac-mq-send", jobs], input=body)
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    assert [got for _, _, got in take(devbroker, jobs)] == [body]


def test_a_server_logs_in_by_password(devbroker: Broker) -> None:
    """A server's login is its user_id, and there is no DN; a reader sees who vouches for it."""
    layout = devbroker.layout
    cfg = str(layout.server_cfg)
    host = {"DIRAC_X509_HOST_CERT": str(layout.host_certificate), "DIRAC_X509_HOST_KEY": str(layout.host_key)}
    done = devbroker.command(["dirac-mq-send", "demo.metrics", "--cfg", cfg, "-m", "load 0.7", "-ddd"], **host)
    assert (done.status, done.stdout) == (0, ""), done.stderr
    password = re.search(r"Password\s*=\s*(\S+)", layout.server_cfg.read_text())
    assert password is not None
    assert password[1] not in done.stderr, "a log must not hold the password"
    seen = devbroker.command(["dirac-mq-consume", "demo.metrics", "--cfg", cfg, "-n", "1", "-j"], **host)
    assert (seen.status, seen.stderr) == (0, "")
    [row] = rows(seen)
    assert row["properties"]["user_id"] == "monitor"
    assert row["origin"] == {"level": "broker", "user": "monitor"}
    assert not {"dirac-dn", "dirac-group"} & row["headers"].keys()


def test_who_has_no_password_logs_in_by_certificate(devbroker: Broker, make_queue: QueueFactory) -> None:
    """User stands in the CS for all to read, the password only where the server runs: a person needs none."""
    name, cfg = make_queue()
    user = "/Resources/MQServices/dev/User=monitor"
    done = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "-o", user, "-m", "x"])
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(_, properties, _)] = take(devbroker, name)
    assert properties.user_id == devbroker.dn("user")
    nobody = devbroker.command(
        ["dirac-mq-send", name, "--cfg", str(cfg), "-o", user, "-m", "x"], X509_USER_PROXY="/nowhere"
    )
    assert (nobody.status, nobody.stdout) == (77, "")
    assert nobody.stderr.startswith("dirac-mq-send: error: no Password for user monitor of dev (")
    assert "/nowhere" in nobody.stderr


def test_certificate_and_key(devbroker: Broker, jobs: str) -> None:
    """--cert and --key win over the environment's proxy."""
    layout = devbroker.layout
    pair = ["--cert", str(layout.pki / "pilot.cert.pem"), "--key", str(layout.pki / "pilot.key.pem")]
    done = devbroker.command(["dirac-mq-send", jobs, "-m", "x", *pair])
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    [(_, properties, _)] = take(devbroker, jobs)
    assert properties.user_id == devbroker.dn("pilot")


def test_logging(devbroker: Broker, jobs: str) -> None:
    """-d says on stderr which files, which credential and which broker; -v how many were confirmed."""
    done = devbroker.command(["dirac-mq-send", jobs, "-m", "a secret body", "-d", "-v"])
    assert (done.status, done.stdout) == (0, "")
    for said in (
        f"info: wiring.setup: configuration from {devbroker.layout.cfg}",
        f"proxy {devbroker.layout.pki / 'user.proxy.pem'} of {devbroker.dn('user')}",
        "RabbitMQ 3.",
        "1 sent, 1 confirmed",
    ):
        assert said in done.stderr
    assert "a secret body" not in done.stderr
    assert all(
        re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z dirac-mq-send: ", line)
        for line in done.stderr.splitlines()
    )
