"""The commands, configured by a remote Configuration Service: DIRAC's own where it is one that answers well."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID
from support.broker import Broker
from support.cfgs import mq_service
from support.commands import bodies, rows, running
from support.csserver import CS, VERSION, Conversation, Peer, TlsServer, http_response
from support.diracserver import dirac_server
from support.pki import distinguished
from support.proxies import Holder, by_hand
from support.remotecs import Site, host_of, pki_of, text_of

UNKNOWN = "demo.jobs is not known to the configuration; the CS, which may know more, cannot be asked: "


@pytest.fixture
def site(devbroker: Broker, tmp_path: Path) -> Iterator[Site]:
    """A machine with an empty cache."""
    devbroker.purge("demo.jobs")
    yield Site(devbroker, tmp_path)
    devbroker.purge("demo.jobs", "ComponentMonitoring")


@pytest.fixture
def cs(devbroker: Broker) -> CS:
    """What the stand-in serves."""
    return CS(text_of(devbroker))


@pytest.fixture
def server(devbroker: Broker, cs: CS, site: Site) -> Iterator[TlsServer]:
    """A server that counts; the site asks it."""
    with serving(devbroker, cs.https) as running_server:
        site.configure(running_server.url)
        yield running_server


def serving(broker: Broker, conversation: Conversation, scheme: str = "https") -> TlsServer:
    """A server of the devbroker's host."""
    return TlsServer(host_of(broker), broker.layout.certificates, conversation, scheme)


def grow_old(site: Site) -> None:
    past = time.time() - 7200
    os.utime(site.copy, (past, past))


@pytest.mark.parametrize("scheme", ["https", "dips"])
def test_diracs_own_server(devbroker: Broker, site: Site, scheme: str) -> None:
    """A local CFG that names DIRAC's server is enough to send, look, and take; each setting says that it is from there.

    The server is asked once.
    """
    with dirac_server(scheme, site.directory / "dirac", pki_of(devbroker), host_of(devbroker), text_of(devbroker)) as (
        dirac
    ):
        site.configure(dirac.url)
        sent = site.run("dirac-mq-send", "demo.jobs", "-m", "by the CS")
        assert (sent.status, sent.stdout, sent.stderr) == (0, "", "")
        asked = dirac.log.read_text().count("getCompressedDataIfNewer")
        looked = site.run("dirac-mq-peek", "demo.jobs", "-j")
        assert (looked.status, looked.stderr, bodies(looked)) == (0, "", ["by the CS"])
        assert rows(looked)[0]["origin"] == {"level": "broker", "dn": devbroker.dn("user")}
        assert rows(looked)[0]["headers"]["dirac-vo"] == "example"
        listed = site.run("dirac-mq-list", "demo.jobs", "demo.audit", "-j")
        assert (listed.status, listed.stderr) == (0, "")
        assert [row["ready"] for row in rows(listed)] == [1, None]
        explained = site.run("dirac-mq-list", "--explain", "demo.jobs", "-j")
        assert (explained.status, explained.stderr) == (0, "")
        places = {row["option"].rpartition("/")[2]: row["place"] for row in rows(explained)}
        assert places["Host"].startswith(f"{dirac.url} line ")
        assert places["HostOrder"] == "default"
        taken = site.run("dirac-mq-consume", "demo.jobs", "--drain", "-j")
        assert (taken.status, bodies(taken)) == (0, ["by the CS"])
        assert dirac.log.read_text().count("getCompressedDataIfNewer") == asked
    assert site.copy.stat().st_mode & 0o777 == 0o600


def test_a_local_name_asks_nobody(devbroker: Broker, site: Site, server: TlsServer) -> None:
    """Names that the local files resolve make no request, whatever the command; one that they lack makes one."""
    environment = {"DIRACSYSCONFIG": f"{site.directory / 'local.cfg'},{devbroker.layout.cfg}"}
    for argv in (
        ("send", "demo.jobs", "-m", "x"),
        ("peek", "dev::Queues::demo.jobs", "-q"),
        ("consume", "demo.jobs", "-n", "1"),
        ("tail", "demo.jobs", "-t", "2s"),
        ("list", "demo.jobs", "Framework/ComponentMonitoring"),
        ("list", "--as-cfg", "demo.jobs"),
        ("list", "--explain", "demo.jobs"),
    ):
        done = site.run(f"dirac-mq-{argv[0]}", *argv[1:], **environment)
        assert done.status in (0, 3), done.stderr
        assert server.connections == 0, argv
    unknown = site.run("dirac-mq-peek", "demo.job", **environment)
    assert (unknown.status, unknown.stdout, server.connections) == (66, "", 1)
    assert "demo.job is not known to the configuration" in unknown.stderr


def test_a_fresh_copy_asks_nobody(site: Site, server: TlsServer) -> None:
    """Within an hour the copy does; --cs-max-age and its variable say otherwise. Completions have its names."""
    for expected, argv, environment in (
        (1, (), {}),
        (2, ("--cs-max-age", "0"), {}),
        (3, (), {"DIRAC_MQ_CS_MAX_AGE": "0s"}),
        (3, ("--cs-max-age", "1d"), {"DIRAC_MQ_CS_MAX_AGE": "0s"}),
    ):
        done = site.run("dirac-mq-list", "demo.jobs", *argv, **environment)
        assert (done.status, done.stderr) == (0, "")
        assert server.connections == expected
    assert "q demo.jobs\n" in (site.copy.parent / "names").read_text()


def test_a_stale_copy_serves_and_is_renewed_behind(site: Site, server: TlsServer, cs: CS) -> None:
    """An old copy resolves at once, and is new for the next command; also after a command that failed."""
    assert site.run("dirac-mq-send", "demo.jobs", "-m", "1").status == 0
    grow_old(site)
    cs.version, cs.text = "2027", cs.text.replace("jobs for demonstration", "renewed")
    assert site.run("dirac-mq-peek", "demo.jobs", "-n", "2").status == 4
    assert server.connections == 2
    assert "renewed" in site.copy.read_text()


def test_a_server_that_hangs_delays_a_loop_once(devbroker: Broker, site: Site, server: TlsServer) -> None:
    """Of many commands with a stale copy one waits two seconds for the servers, after its work, and says so."""
    assert site.run("dirac-mq-send", "demo.jobs", "-m", "1").status == 0

    def hang(peer: Peer) -> None:
        time.sleep(5)

    server.conversation = hang
    grow_old(site)
    times, said = [], []
    for number in range(3):
        started = time.monotonic()
        done = site.run("dirac-mq-send", "demo.jobs", "-m", str(number))
        times.append(time.monotonic() - started)
        said.append(done.stderr)
        assert (done.status, done.stdout) == (0, "")
    assert 2 < times[0] < 2 + 2 * max(times[1:]) + 3
    assert "no answer in time; used the copy of 2h" in said[0]
    assert said[1:] == ["", ""]
    assert server.connections == 2
    assert devbroker.count("demo.jobs") == 4


def _b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def _ok(data: str) -> bytes:
    return json.dumps({"OK": True, "Value": {"newestVersion": VERSION, "data": data}}).encode()


def _bomb() -> bytes:
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(b"#" * (1 << 20)) for _ in range(70)) + squeeze.flush()


HTML = b"<html><title>Login</title></html>"
ANSWERS = {
    "401": (http_response(HTML, "401 Unauthorized", "text/html"), 77, "it does not take our credential (HTTP 401)"),
    "HTML": (http_response(HTML, kind="text/html"), 78, "it answers with HTML instead of DIRAC's JSON"),
    "base64": (http_response(_ok("!!!!")), 78, "its data is not base64"),
    "zlib": (http_response(_ok(_b64(b"A\n{\n}\n"))), 78, "its data is not zlib-compressed"),
    "bomb": (http_response(_ok(_b64(_bomb()))), 78, "its data unpacks to more than 64 MiB"),
    "DEncode": (http_response(b"ds2:OKb1s5:Valuene"), 78, "it speaks DEncode, the encoding before DIRAC v7r2"),
    "hangs up": (b"", 77, "closed the connection without a word"),
    "500": (http_response(HTML, "500 Internal Server Error"), 69, "it failed (HTTP 500)"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_server_does_wrong(devbroker: Broker, site: Site, name: str) -> None:
    """Each fault has its exit status and its own sentence, after what was looked for; nothing is sent or kept."""
    answer, status, sentence = ANSWERS[name]

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send(answer)

    with serving(devbroker, conversation) as server:
        url = server.url
        site.configure(url)
        done = site.run("dirac-mq-send", "demo.jobs", "-m", "x")
    assert (done.status, done.stdout) == (status, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"dirac-mq-send: error: {UNKNOWN}{url}: ")
    assert sentence in error
    assert hint.startswith("dirac-mq-send: hint: ")
    assert not list((site.directory / "cache").glob("*/cs-*"))
    assert devbroker.count("demo.jobs") == 0


def test_a_certificate_of_another_host(devbroker: Broker, site: Site, cs: CS) -> None:
    """The server's certificate is for another name: 77, and it hears nothing."""
    other = pki_of(devbroker).issue("elsewhere", distinguished((NameOID.COMMON_NAME, "elsewhere.example.org")))
    with TlsServer(other, devbroker.layout.certificates, cs.https) as server:
        site.configure(server.url)
        done = site.run("dirac-mq-peek", "demo.jobs")
        assert server.heard == []
    assert (done.status, done.stdout) == (77, "")
    assert "its certificate is for another host" in done.stderr


def test_who_is_not_registered(devbroker: Broker, site: Site) -> None:
    """DIRAC's own server refuses a stranger: 77, with what to do."""
    pki = pki_of(devbroker)
    with dirac_server("https", site.directory / "dirac", pki, host_of(devbroker), text_of(devbroker)) as dirac:
        site.configure(dirac.url)
        done = site.run("dirac-mq-peek", "demo.jobs", role="stranger")
    assert (done.status, done.stdout) == (77, "")
    assert f"{UNKNOWN}{dirac.url}: " in done.stderr
    assert "/Registry/Users" in done.stderr


def test_without_a_good_credential(devbroker: Broker, site: Site, server: TlsServer) -> None:
    """No proxy, and one that has expired: 77, said after the name that the local files lack; nobody is asked."""
    holder = Holder(devbroker.layout.pki / "user.cert.pem", devbroker.layout.pki / "user.key.pem")
    ended = datetime.now(UTC) - timedelta(hours=1)
    expired = by_hand(holder, site.directory / "expired", not_before=ended - timedelta(hours=1), not_after=ended)
    for proxy, sentence in ((site.directory / "none", "does not exist"), (expired, "expired")):
        done = site.run("dirac-mq-peek", "demo.jobs", X509_USER_PROXY=str(proxy))
        assert (done.status, done.stdout) == (77, "")
        error, hint = done.stderr.splitlines()
        assert error.startswith(f"dirac-mq-peek: error: {UNKNOWN}proxy {proxy} ")
        assert sentence in error
        assert "dirac-proxy-init" in hint
    assert server.connections == 0


@pytest.fixture
def dead(devbroker: Broker) -> str:
    """A server that has gone."""
    with serving(devbroker, CS("").https) as gone:
        return gone.url


def test_every_server_is_away(devbroker: Broker, site: Site, cs: CS, dead: str) -> None:
    """Without a copy that is 69, or 68 for a name that does not resolve; with one it serves, and that is said once."""
    unknown = "https://no-such-host.invalid:8443"
    site.configure(dead, unknown)
    done = site.run("dirac-mq-peek", "demo.jobs")
    assert (done.status, done.stdout) == (69, "")
    assert f"{dead}: connection refused" in done.stderr
    assert "no-such-host.invalid does not resolve" in done.stderr
    site.configure(unknown)
    assert site.run("dirac-mq-peek", "demo.jobs").status == 68

    with serving(devbroker, cs.https) as server:
        url = server.url
        site.configure(url)
        assert site.run("dirac-mq-list", "demo.jobs").status == 0
    grow_old(site)
    first, second = (site.run("dirac-mq-send", "demo.jobs", "-m", "x") for _ in range(2))
    assert (first.status, second.status, second.stderr) == (0, 0, "")
    assert f"{url}: connection refused; used the copy of 2h" in first.stderr


def test_list_without_the_cs(site: Site, dead: str) -> None:
    """list shows what the local files know, says why that may not be all, and ends with that reason's status."""
    local = mq_service("Queues\n{\nmine\n{\n}\n}", name="here", head="Host = localhost\nMQType = Stomp")
    site.configure(dead, local=local)
    done = site.run("dirac-mq-list", "-j")
    assert (done.status, [row["queue"] for row in rows(done)]) == (69, ["mine"])
    assert done.stderr == f"dirac-mq-list: error: {dead}: connection refused\n"
    exact = site.run("dirac-mq-list", "-j", "mine")
    assert (exact.status, exact.stderr) == (0, "")


def test_the_broker_of_a_url(devbroker: Broker, site: Site, server: TlsServer, cs: CS, dead: str) -> None:
    """With --broker URL the CS still says what a destination is; what nobody knows, or can say, is taken as it is."""
    cs.text = text_of(devbroker, mq_service("Queues\n{\ndemo.jobs\n{\nRoutingKey = from.the.cs\n}\n}", name="dev"))
    url = ["-b", f"amqps://localhost:{devbroker.port}/dirac"]
    assert site.run("dirac-mq-send", "demo.jobs", "-m", "x", *url).status == 0
    assert server.connections == 1
    looked = site.run("dirac-mq-peek", "demo.jobs", "-j", *url)
    assert [row["routing_key"] for row in rows(looked)] == ["from.the.cs"]
    assert rows(looked)[0]["origin"]["level"] == "broker"
    nowhere = site.run("dirac-mq-peek", "nowhere", *url)
    assert (nowhere.status, server.connections) == (77, 1)
    assert "'nowhere'" in nowhere.stderr

    site.configure(dead)
    away = site.run("dirac-mq-peek", "demo.jobs", "-j", *url)
    assert (away.status, bodies(away)) == (0, ["x"])
    assert f"warning: {UNKNOWN}{dead}: connection refused" in away.stderr


def test_one_service_of_the_cs(site: Site, server: TlsServer) -> None:
    """--broker SERVICE and list --service name one that only the CS knows; an unknown one lists those that it knows."""
    for argv in (("-b", "Framework"), ("--service", "Framework")):
        done = site.run("dirac-mq-list", "-j", *argv)
        assert (done.status, [row["queue"] for row in rows(done)]) == (0, ["ComponentMonitoring"])
        unknown = site.run("dirac-mq-list", argv[0], "nobody")
        assert (unknown.status, unknown.stdout) == (66, "")
        assert unknown.stderr.splitlines()[1] == "dirac-mq-list: hint: known are Framework, dev"
    sent = site.run("dirac-mq-send", "ComponentMonitoring", "-b", "Framework", "-m", "x")
    assert (sent.status, sent.stderr, server.connections) == (0, "", 1)


def test_what_pilots_ship_with(devbroker: Broker, site: Site, server: TlsServer) -> None:
    """list --as-cfg writes a CFG by which a pilot sends, its CS being away, and without asking it."""
    done = site.run("dirac-mq-list", "--as-cfg", "demo.jobs", "dev::Exchanges::demo.events")
    assert (done.status, done.stderr) == (0, "")
    cfg = site.directory / "pilot-mq.cfg"
    cfg.write_text(done.stdout)
    pilot = Site(devbroker, site.directory / "pilot")
    pilot.configure(server.url)
    for destination in ("demo.jobs", "demo.events"):
        argv = ("dirac-mq-send", destination, "-m", destination, "-k", "job.done")
        sent = pilot.run(*argv, role="pilot", DIRAC_MQ_CFG=str(cfg))
        assert (sent.status, sent.stdout, sent.stderr) == (0, "", "")
    assert server.connections == 1
    looked = pilot.run("dirac-mq-peek", "demo.jobs", "-j", DIRAC_MQ_CFG=str(cfg))
    assert bodies(looked) == ["demo.jobs", "demo.events"]
    assert {row["origin"]["level"] for row in rows(looked)} == {"broker"}


def test_refusals_of_as_cfg_and_explain(site: Site, server: TlsServer) -> None:
    """They need names, exclude each other, and show what the CS says rather than a broker of the command line."""
    url = ("-b", "amqps://localhost/dirac")
    for argv in (
        ("--explain",),
        ("--as-cfg", "--explain", "q"),
        ("--as-cfg", "q", "-j"),
        ("--as-cfg", "q", *url),
    ):
        done = site.run("dirac-mq-list", *argv)
        assert (done.status, done.stdout) == (2, ""), argv
    unknown = site.run("dirac-mq-list", "--as-cfg", "demo.jobs", "nowhere")
    assert (unknown.status, unknown.stdout) == (66, "")
    some = site.run("dirac-mq-list", "--as-cfg", "demo.a*")
    assert (some.status, "demo.audit" in some.stdout, "demo.jobs" in some.stdout) == (0, True, False)


def test_amqp_beside_stomp(devbroker: Broker, site: Site) -> None:
    """A CS's Stomp entry becomes usable by an option beside it, in a local file or on the command line."""
    stomp = mq_service(
        "Queues\n{\ndemo.jobs\n{\n}\n}", name="old", head="MQType = Stomp\nHost = localhost\nPort = 61613"
    )
    with serving(devbroker, CS(stomp).https) as server:
        section = "/Resources/MQServices/old"
        vhost = ("-o", f"{section}/VHost=dirac")
        site.configure(server.url)
        refused = site.run("dirac-mq-send", "demo.jobs", "-m", "x")
        assert (refused.status, refused.stdout) == (78, "")
        assert f"hint: set AMQPPort = 5671, or MQType = RabbitMQ and Port = 5671, in {section}" in refused.stderr
        for option in (("AMQPPort",), ("Port", "MQType")):
            values = {"AMQPPort": devbroker.port, "Port": devbroker.port, "MQType": "RabbitMQ"}
            flags = [word for name in option for word in ("-o", f"{section}/{name}={values[name]}")]
            sent = site.run("dirac-mq-send", "demo.jobs", "-m", "x", *vhost, *flags)
            assert (sent.status, sent.stderr) == (0, "")
        site.configure(server.url, local=mq_service("", name="old", head=f"AMQPPort = {devbroker.port}\nVHost = dirac"))
        done = site.run("dirac-mq-list", "demo.jobs", "-j")
        assert [(row["service"], row["ready"]) for row in rows(done)] == [("old", 2)]


def test_a_password_of_the_cs(devbroker: Broker, site: Site, cs: CS, server: TlsServer) -> None:
    """It is ignored with a warning, and a certificate has to do; neither the copy nor the cache holds it."""
    cs.text = text_of(devbroker, mq_service("", name="dev", head="User = monitor\nPassword = s3cret"))
    done = site.run("dirac-mq-send", "demo.jobs", "-m", "x")
    assert (done.status, done.stdout) == (0, "")
    assert "warning: /Resources/MQServices/dev/Password from " in done.stderr
    assert "s3cret" not in done.stderr
    for file in site.copy.parent.iterdir():
        assert b"s3cret" not in file.read_bytes()
    again = site.run("dirac-mq-list", "--explain", "demo.jobs")
    assert "s3cret" not in again.stdout + again.stderr


def test_interrupted_while_asking(devbroker: Broker, site: Site) -> None:
    """Ctrl-C ends a command that waits for a configuration server, at once and as it should."""
    with serving(devbroker, lambda peer: time.sleep(20)) as server:
        site.configure(server.url)
        with running(devbroker, ["dirac-mq-peek", "demo.jobs"], **site.environment) as command:
            deadline = time.monotonic() + 20
            while not server.connections and time.monotonic() < deadline:
                time.sleep(0.05)
            started = time.monotonic()
            command.signal(signal.SIGINT)
            done = command.end()
    assert done.status == -signal.SIGINT
    assert time.monotonic() - started < 5
    assert "Traceback" not in done.stderr
