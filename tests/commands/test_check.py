"""``dirac-mq-check``: one line for each thing between me and a queue, and what to type next."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pexpect
import pytest
from cryptography.x509.oid import NameOID
from support.adapter import closed_port, listening
from support.broker import SCRIPTS, Broker
from support.checks import check, expired_proxy, host_certificate, only, service, services, states
from support.commands import publish, rows, running, take
from support.csserver import CS, TlsServer
from support.pki import distinguished, make_pki
from support.queues import QueueFactory
from support.remotecs import Site, host_of, text_of
from support.unreachable import black_hole

from diracmq_cli.core.finding import Status
from diracmq_cli.core.probing import CertificateFacts, TlsFacts
from diracmq_cli.errors import AccessError
from diracmq_cli.operations.checkbroker import handshake, untrusted
from diracmq_cli.output.checklist import wrap

LIMIT = 10.0
"""Seconds; it takes four when something does not answer, and the machine may be busy."""

NOBODY = {"Publishers": "group:dirac_admin", "Consumers": "group:dirac_admin", "Watchers": "group:dirac_admin"}
CONTROL = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
def test_all_is_well(devbroker: Broker, make_queue: QueueFactory, kind: str) -> None:
    """Every line is ok, and the queue is as it was: nothing was sent, taken, or left behind."""
    name, cfg = make_queue(type=kind, **({"DeliveryLimit": 3} if kind == "quorum" else {}))
    publish(devbroker, name, "one", "two")
    if kind != "stream":
        devbroker.wait_count(name, 2)
    queues = devbroker.eval("length(rabbit_amqqueue:list())")
    done, found = check(devbroker, name, "--cfg", str(cfg))
    assert {row["status"] for row in found} == {"ok"}, found
    assert done.status == 0
    checks = [row["check"] for row in found]
    assert checks[:3] == ["configuration", "credential", "CA directory"]
    assert checks[3:8] == ["DNS", "TCP", "TLS", "AMQP", "login"]
    assert checks[8:] == ["queue", "take", *([] if kind == "stream" else ["watch"]), "write", "origin"]
    assert devbroker.dn("user") in only(found, "credential")["detail"]
    assert only(found, "login")["detail"] == f"the broker knows me as {devbroker.dn('user')}"
    assert "RabbitMQ 3." in only(found, "AMQP")["detail"]
    assert only(found, "origin")["detail"].endswith("as ✓ broker, and as ✓ signed with --sign")
    assert devbroker.eval("length(rabbit_amqqueue:list())") == queues
    if kind != "stream":
        assert "2 ready" in only(found, "queue")["detail"]
        got = take(devbroker, name)
        assert [(body, method.redelivered) for method, _, body in got] == [(b"one", False), (b"two", False)]


def test_every_service(devbroker: Broker) -> None:
    """Without a destination every service is looked at; two of one broker and login are one."""
    done, found = check(devbroker)
    assert done.status == 0
    assert {row["subject"] for row in found} == {None, "dev, Framework"}
    assert {row["status"] for row in found} == {"ok"}
    assert only(found, "login")["detail"].endswith(devbroker.dn("user"))


def test_what_i_may_not_do(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A right that the CS does not give either is a warning; with none at all it is a failure (77)."""
    name, cfg = make_queue(Contact="ops@example.org")
    done, found = check(devbroker, name, "--cfg", str(cfg), role="pilot")
    assert done.status == 0
    assert {key: states(found)[key] for key in ("take", "watch", "write")} == {
        "take": "warning",
        "watch": "warning",
        "write": "ok",
    }
    assert only(found, "take")["next"] == "ask ops@example.org for a place in Consumers"
    foreign, cfg = make_queue(**NOBODY)
    done, found = check(devbroker, foreign, "--cfg", str(cfg))
    assert done.status == 77
    assert [row["status"] for row in found if row["check"] in ("take", "watch", "write")] == ["failed"] * 3
    assert {row["code"] for row in found if row["status"] == "failed"} == {77}


def test_the_broker_does_not_do_as_the_cs_says(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Whoever the CS names and the broker refuses has a broker that is to be set up again; or the other way round."""
    name, cfg = make_queue(**NOBODY)
    queue = f"/Resources/MQServices/dev/Queues/{name}"
    done, found = check(devbroker, name, "--cfg", str(cfg), "-o", f"{queue}/Publishers=group:dirac_user")
    assert done.status == 77
    write = only(found, "write")
    assert "Publishers of the CS names me" in write["detail"]
    assert write["next"] == "ask the operator of the broker to run: dirac-mq broker apply --service dev"
    name, cfg = make_queue()
    queue = f"/Resources/MQServices/dev/Queues/{name}"
    done, found = check(devbroker, name, "--cfg", str(cfg), "-o", f"{queue}/Consumers=user:robot")
    assert done.status == 0
    assert only(found, "take")["status"] == "warning"
    assert "although Consumers of the CS does not name me" in only(found, "take")["detail"]


def test_what_is_not_there(devbroker: Broker, tmp_path: Path) -> None:
    """A name that the CS does not know, and a queue of the CS that the broker does not have (66)."""
    done, found = check(devbroker, "nope")
    assert done.status == 66
    assert only(found, "destination", "nope")["next"].startswith("known are dev::Queues::demo.jobs")
    cfg = services(tmp_path / "more.cfg", service("mine", devbroker.port))
    done, found = check(devbroker, "mine::Queues::q", "--cfg", cfg)
    assert done.status == 66
    assert only(found, "queue")["detail"] == "the broker has no queue q"
    assert only(found, "login")["status"] == "ok"


def test_readers_would_refuse_me(devbroker: Broker, make_queue: QueueFactory) -> None:
    """What the queue's AllowedDNs refuse fails who may send; Origin = signed is signed for without asking."""
    name, cfg = make_queue(AllowedDNs="/DC=org/DC=example/CN=Somebody Else")
    done, found = check(devbroker, name, "--cfg", str(cfg))
    assert done.status == 77
    assert "they would refuse them" in only(found, "origin")["detail"]
    name, cfg = make_queue(Origin="signed", AllowedGroups="dirac_user")
    done, found = check(devbroker, name, "--cfg", str(cfg))
    assert (done.status, only(found, "origin")["detail"]) == (0, "readers will see my messages as ✓ signed")
    done, found = check(devbroker, name, "--cfg", str(cfg), role="pilot")
    assert done.status == 77
    assert "not among those allowed" in only(found, "origin")["detail"]


def _three_faults(broker: Broker, directory: Path) -> tuple[list[str], dict[str, str]]:
    empty = directory / "no-cas"
    empty.mkdir()
    cfg = services(directory / "away.cfg", service("away", closed_port()))
    environment = {"X509_USER_PROXY": expired_proxy(broker, directory), "X509_CERT_DIR": str(empty)}
    return ["away::Queues::q", "demo.jobs", "--cfg", cfg], environment


def test_three_faults(devbroker: Broker, tmp_path: Path) -> None:
    """An expired proxy, a CA directory without CAs and a broker that is away are three failures, each with what to do;
    what depends on them is skipped; the status is the first one's."""
    argv, environment = _three_faults(devbroker, tmp_path)
    done, found = check(devbroker, *argv, **environment)
    assert done.status == 77
    failed = {row["check"]: row for row in found if row["status"] == "failed"}
    assert list(failed) == ["credential", "CA directory", "TCP"]
    assert [row["code"] for row in failed.values()] == [77, 77, 69]
    assert "expired 1h" in failed["credential"]["detail"]
    assert failed["credential"]["next"].endswith("dirac-proxy-init")
    assert "--capath" in failed["CA directory"]["next"]
    assert "dirac-mq check" in failed["TCP"]["next"]
    away = [row["status"] for row in found if row["subject"] == "away"]
    assert away == ["ok", "failed", "skipped", "skipped"]
    assert [row["status"] for row in found if row["subject"] == "dev"] == ["ok", "ok", "skipped", "skipped"]
    assert only(found, "rights", "dev::Queues::demo.jobs")["status"] == "skipped"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_screen(devbroker: Broker, tmp_path: Path, columns: int) -> None:
    """On a terminal every line fits, marks are coloured, and what was found has a column of its own."""
    argv, environment = _three_faults(devbroker, tmp_path)
    child = pexpect.spawn(
        str(SCRIPTS / "dirac-mq-check"),
        argv,
        env=devbroker.env("user", TERM="xterm", **environment),
        dimensions=(60, columns),
        encoding="utf-8",
        timeout=30,
    )
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 77
    shown = child.before.replace("\r", "")
    assert "\x1b[1;31m✗\x1b[m" in shown
    assert "\x1b[32m✓\x1b[m" in shown
    lines = CONTROL.sub("", shown).splitlines()
    assert max(map(len, lines)) <= columns
    assert any(line.startswith("credential      ✗ proxy") for line in lines)
    assert sum(line.strip().startswith("next: ") for line in lines) == 3
    assert all(line[:16].isspace() for line in lines if line.startswith("   "))


def test_in_a_pipe(devbroker: Broker) -> None:
    """The same lines without colour, each on one line whatever its length; no mark that a C locale cannot show."""
    done = devbroker.command(["dirac-mq-check", "-t", "30s", "demo.jobs", "nope"])
    assert (done.status, done.stderr) == (66, "")
    assert "\x1b" not in done.stdout
    assert f"\n  login         ✓ the broker knows me as {devbroker.dn('user')}\n" in done.stdout
    assert "\nnope\n  destination   ✗ nope is not known to the configuration\n" in done.stdout
    assert done.stdout.count("next: ") == 1
    ascii_only = devbroker.command(["dirac-mq-check", "-t", "30s", "demo.jobs"], PYTHONIOENCODING="ascii")
    assert ascii_only.status == 0
    assert (
        "  origin        + readers will see my messages as + broker, and as + signed with --sign\n" in ascii_only.stdout
    )


def test_nothing_answers(devbroker: Broker, tmp_path: Path) -> None:
    """A SYN that is lost, a server that is mute, a name server that is silent: over in seconds, the good broker shown.

    The name server is /etc/resolv.conf's in a mount namespace of the command's own, which takes root.
    """
    if os.geteuid():
        pytest.skip("only root may mount and listen on port 53")
    resolver = tmp_path / "resolv.conf"
    resolver.write_text("nameserver 127.9.9.9\n")
    with black_hole() as hole, listening() as mute, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        names.bind(("127.9.9.9", 53))
        cfg = services(
            tmp_path / "slow.cfg",
            service("hole", hole),
            service("mute", mute),
            service("unnamed", 5671, "mq.example.org"),
        )
        mounted = 'mount --bind "$1" /etc/resolv.conf || exit 99; shift; exec "$@"'
        started = time.monotonic()
        done = devbroker.command(
            ["unshare", "-m", "sh", "-c", mounted, "sh", str(resolver), "dirac-mq-check", "-j", "--cfg", cfg]
        )
        took = time.monotonic() - started
    if done.status == 99:
        pytest.skip(done.stderr)
    found = rows(done)
    assert (done.status, done.stderr) == (69, "")
    assert took < LIMIT
    assert only(found, "TCP", "hole")["detail"].endswith("no answer in time")
    assert only(found, "TLS", "mute")["detail"].endswith("no answer in time")
    assert only(found, "DNS", "unnamed")["detail"] == "mq.example.org: no answer from the name service in time"
    assert only(found, "TCP", "dev, Framework")["status"] == "ok"


@contextmanager
def _impostor(broker: Broker, directory: Path, name: str, start: timedelta, end: timedelta) -> Iterator[str]:
    """A TLS server with such a certificate, as a service ``odd`` of a CFG."""
    holder = host_certificate(broker, name, start, end)
    with TlsServer(holder, broker.layout.certificates, lambda _peer: None) as server:
        port = int(server.url.split(":")[2].partition("/")[0])
        yield services(directory / "odd.cfg", service("odd", port))
    holder.certificate.unlink()
    holder.key.unlink()


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "start", "end", "said", "hint"),
    [
        ("localhost", DAY, 3 * DAY, "is not valid before", "is the clock behind? compare with: date -u"),
        ("localhost", -3 * DAY, -DAY, "the broker's certificate ended at", "if date -u is right, tell the operator"),
        ("mq.example.org", -DAY, 90 * DAY, "for another host", "write the name that the certificate bears"),
    ],
)
def test_certificates_and_clocks(
    devbroker: Broker, tmp_path: Path, name: str, start: timedelta, end: timedelta, said: str, hint: str
) -> None:
    """What is wrong with a broker's certificate is said with what it bears, and what our clock says."""
    with _impostor(devbroker, tmp_path, name, start, end) as cfg:
        done, found = check(devbroker, "odd::Queues::q", "--cfg", cfg)
    tls = only(found, "TLS")
    assert (done.status, tls["code"]) == (77, 77)
    assert said in tls["detail"]
    assert tls["next"].startswith(hint)
    if name == "localhost":
        assert time.strftime("this machine's clock says %Y-%m-%dT", time.gmtime()) in tls["detail"]
    else:
        assert "it is /DC=org/DC=example/CN=mq.example.org, for mq.example.org" in tls["detail"]
    assert only(found, "AMQP")["status"] == "skipped"


def test_a_clock_that_is_wrong() -> None:
    """With another clock the same certificate is too young, good, about to end, or has ended."""
    day = 86400.0
    certificate = CertificateFacts(
        subject="/CN=mq1", issuer="/CN=CA", names=("mq1",), not_before=1000 * day, not_after=1400 * day
    )
    facts = TlsFacts("TLSv1.3", "TLS_AES_256_GCM_SHA384", certificate)
    assert handshake("mq1", facts, 1200 * day, "dev").status is Status.OK
    assert handshake("mq1", facts, 1394 * day, "dev").status is Status.WARNING
    error = AccessError("certificate verify failed", hint="--capath")
    assert "2d from now; this machine's clock says 1972-09-25T00:00:00Z" in str(
        untrusted(error, certificate, 998 * day)
    )
    assert "10d ago" in str(untrusted(error, certificate, 1410 * day))
    within = untrusted(error, certificate, 1200 * day)
    assert (str(within), within.hint) == ("certificate verify failed; it is /CN=mq1, for mq1, by /CN=CA", "--capath")


def test_a_broker_that_refuses_my_certificate(devbroker: Broker, tmp_path: Path) -> None:
    """The alert of TLS 1.3 comes after the handshake, and is said at the login."""
    stranger = make_pki(tmp_path).issue("me", distinguished((NameOID.COMMON_NAME, "Jane Doe")))
    own = ["--cert", str(stranger.certificate), "--key", str(stranger.key)]
    done, found = check(devbroker, "demo.jobs", *own)
    assert done.status == 77
    assert only(found, "TLS")["status"] == "ok"
    assert "the broker refused our certificate" in only(found, "AMQP")["detail"]
    assert "does not know the CA" in only(found, "AMQP")["detail"]
    origin = only(found, "origin")
    assert origin["status"] == "warning"
    assert "the CA directory does not have it" in origin["detail"]


def test_a_broker_that_is_blocked(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A memory alarm is said (75); all that can be asked is asked nevertheless."""
    name, cfg = make_queue()
    other, cfg = make_queue()
    devbroker.eval("rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []})")
    try:
        done, found = check(devbroker, name, other, "--cfg", str(cfg))
    finally:
        devbroker.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")
    assert done.status == 75
    assert "takes no messages now" in only(found, "blocked")["detail"]
    assert [row["status"] for row in found if row["check"] == "take"] == ["ok", "ok"]
    assert [row["status"] for row in found if row["check"] == "write"] == ["ok", "warning"]


def test_a_server_that_logs_in_by_name(devbroker: Broker) -> None:
    """It needs the host's certificate for TLS, signs nothing, and is known by its user name."""
    layout = devbroker.layout
    cfg = ["--cfg", str(layout.server_cfg)]
    host = {"DIRAC_X509_HOST_CERT": str(layout.host_certificate), "DIRAC_X509_HOST_KEY": str(layout.host_key)}
    done, found = check(devbroker, "demo.metrics", *cfg, X509_USER_PROXY="/nowhere", **host)
    assert done.status == 0
    assert only(found, "credential")["status"] == "skipped"
    assert only(found, "login")["detail"] == "the broker knows me as monitor"
    assert only(found, "origin")["detail"] == "readers will see my messages as ✓ broker"
    done, found = check(devbroker, "demo.metrics", *cfg)
    assert done.status == 77
    assert "DIRAC_X509_HOST_CERT" in only(found, "AMQP")["next"]


def test_the_remote_cs(devbroker: Broker, tmp_path: Path) -> None:
    """The line of the CS names the server and the age of what it said, or that an old copy has to do, and why."""
    site = Site(devbroker, tmp_path)
    with TlsServer(host_of(devbroker), devbroker.layout.certificates, CS(text_of(devbroker)).https) as server:
        url = server.url
        site.configure(url)
        asked = rows(site.run("dirac-mq-check", "-j", "demo.jobs"))
    assert only(asked, "CS")["status"] == "ok"
    assert only(asked, "CS")["detail"].startswith(f"{url}, ")
    past = time.time() - 7200
    os.utime(site.copy, (past, past))
    done = site.run("dirac-mq-check", "-j", "demo.jobs", "--cs-max-age", "0")
    cs = only(rows(done), "CS")
    assert (done.status, done.stderr, cs["status"]) == (0, "", "warning")
    assert "using the copy of 2h" in cs["detail"]
    assert "connection refused" in cs["detail"]
    site.copy.unlink()
    nothing = site.run("dirac-mq-check", "-j")
    assert (nothing.status, nothing.stderr) == (69, "")
    assert only(rows(nothing), "CS")["code"] == 69


def test_ctrl_c(devbroker: Broker, tmp_path: Path) -> None:
    """It ends at once, by the signal, with what was found so far."""
    with black_hole() as hole:
        cfg = services(tmp_path / "hole.cfg", service("hole", hole))
        with running(devbroker, ["dirac-mq-check", "hole::Queues::q", "-t", "60s", "--cfg", cfg]) as command:
            command.shows(b"CA directory")
            started = time.monotonic()
            command.signal(signal.SIGINT)
            done = command.end()
    assert time.monotonic() - started < LIMIT
    assert (done.status, done.stderr) == (-signal.SIGINT, "")
    assert "no answer" not in done.stdout


def test_no_configuration(devbroker: Broker) -> None:
    """A file that is named and missing ends it (78); what needs it is skipped, and no word goes to a broker."""
    done, found = check(devbroker, "--cfg", "/nowhere/dirac.cfg")
    assert done.status == 78
    assert [(row["check"], row["status"]) for row in found] == [
        ("configuration", "failed"),
        ("credential", "skipped"),
        ("CA directory", "skipped"),
        ("services", "skipped"),
    ]
    assert "--cfg FILE" in found[0]["next"]


def test_lines_are_broken_at_spaces() -> None:
    """A word that is too long is broken anywhere; nothing is lost."""
    text = "a proxy /tmp/x509up_u1000 of /DC=org/DC=example/CN=Jane Doe"
    lines = list(wrap(text, 20))
    assert max(map(len, lines)) <= 20
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert list(wrap("名前 名前", 5)) == ["名前", "名前"]
    assert list(wrap("", 20)) == [""]
