"""Whatever a configuration server does wrong has its own sentence and its own exit status."""

from __future__ import annotations

import base64
import json
import os
import socket
import ssl
import threading
import time
import zlib
from pathlib import Path

import pytest
from cryptography.x509.oid import NameOID
from support.asking import Asker, client_context
from support.csserver import CS, VERSION, Peer, TlsServer, http_response, packed, plain_server
from support.pki import PKI, distinguished, make_pki
from support.proxies import Holder

from diracmq_cli.config.remote import answer
from diracmq_cli.config.remote.fetch import fetch
from diracmq_cli.config.remote.request import Request
from diracmq_cli.config.remote.serverlist import ServerList
from diracmq_cli.config.remote.servers import in_order
from diracmq_cli.errors import (
    AccessError,
    ConfigError,
    CredentialError,
    CSUnreachable,
    ExitStatus,
    HostUnknown,
    MQError,
)

REFUSED, WRONG, AWAY = CredentialError, ConfigError, CSUnreachable
TEXT = "A\n{\nb = c\n}\n"


def ok(data: object) -> bytes:
    """A good return structure around ``data``."""
    return json.dumps({"OK": True, "Value": {"newestVersion": VERSION, "data": data}}).encode()


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


def bomb(size: int) -> bytes:
    """``size`` octets of text, packed into a thousandth."""
    squeeze = zlib.compressobj(9)
    return b"".join(squeeze.compress(b"#" * (1 << 20)) for _ in range(size >> 20)) + squeeze.flush()


HTML = b"<html><title>Login</title></html>"
ERROR = {"OK": False, "Message": "no\n\tway", "Errno": 0}

STATUSES = {
    "401 Unauthorized": (REFUSED, "it does not take our credential (HTTP 401)"),
    "403 Forbidden": (REFUSED, "it does not take our credential (HTTP 403)"),
    "302 Found": (WRONG, "it redirects us (HTTP 302), which a Configuration/Server does not"),
    "404 Not Found": (WRONG, "there is no Configuration/Server at that path (HTTP 404)"),
    "501 Not Implemented": (WRONG, "there is no Configuration/Server at that path (HTTP 501)"),
    "400 Bad Request": (WRONG, "it does not understand us (HTTP 400)"),
    "500 Internal Server Error": (AWAY, "it failed (HTTP 500)"),
    "503 Service Unavailable": (AWAY, "it failed (HTTP 503)"),
}

NO_JSON = (WRONG, "it answers with something that is not JSON")
NOT_DIRACS = (WRONG, "its JSON is not DIRAC's: OK and Value are missing")
NOT_BASE64 = (WRONG, "its data is not base64")
NO_VERSION = (WRONG, "it names no newestVersion: is it a Configuration/Server")
DENCODE = (WRONG, "it speaks DEncode, the encoding before DIRAC v7r2, and only JSON is understood")

BODIES = {
    "HTML": (HTML, (WRONG, "it answers with HTML instead of DIRAC's JSON: something else listens there")),
    "nothing": (b"", NO_JSON),
    "garbage": (b"\xff\xfe{", NO_JSON),
    "deep": (b"[" * 100_000, NO_JSON),
    "cut": (b'{"OK": true, "Val', NO_JSON),
    "large number": (b'{"OK": true, "Value": ' + b"9" * 10_000 + b"}", NO_JSON),
    "null": (b"null", NOT_DIRACS),
    "list": (b"[1]", NOT_DIRACS),
    "no OK": (b'{"Value": 1}', NOT_DIRACS),
    "odd OK": (b'{"OK": 1, "Value": 1}', NOT_DIRACS),
    "error": (json.dumps(ERROR).encode(), (AWAY, "it answers with an error: no way")),
    "long error": (
        json.dumps({"OK": False, "Message": "x" * 5000}).encode(),
        (AWAY, "it answers with an error: " + "x" * 200 + "…"),
    ),
    "silent error": (b'{"OK": false}', (AWAY, "it answers with an error: no reason given")),
    "refusal": (
        json.dumps({"OK": False, "Message": "Unauthorized query", "Errno": 1111}).encode(),
        (REFUSED, "it refuses our credential: Unauthorized query"),
    ),
    "no value": (b'{"OK": true}', NO_VERSION),
    "no version": (b'{"OK": true, "Value": {"data": "AAAA"}}', NO_VERSION),
    "odd version": (
        b'{"OK": true, "Value": {"newestVersion": "a\\nb"}}',
        (WRONG, "its newestVersion is no version"),
    ),
    "never configured": (
        b'{"OK": true, "Value": {"newestVersion": "0"}}',
        (WRONG, "it has no configuration yet (version 0)"),
    ),
    "DEncode": (b"ds2:OKb1s5:Valuene", DENCODE),
}

DATA = {
    "odd letters": ("!!!!", NOT_BASE64),
    "cut base64": ("AAA", NOT_BASE64),
    "number": (5, NOT_BASE64),
    "no zlib": (b64(b"A\n{\n}\n"), (WRONG, "its data is not zlib-compressed: Error -3 while decompressing data: ")),
    "empty": ("", (WRONG, "its compressed data is cut short")),
    "cut zlib": (b64(packed(TEXT)[:-3]), (WRONG, "its compressed data is cut short")),
    "not UTF-8": (b64(zlib.compress(b"A = \xff")), (WRONG, "its CFG is not UTF-8 (octet 0xff)")),
    "no CFG": (b64(packed("A\n{\n")), (WRONG, " line 2: not a CFG: a section is not closed")),
}


def expect(server_url: str, asker: Asker, expected: tuple[type[MQError], str], **how: float) -> MQError:
    """Asking fails as expected, within the time, and leaves nothing in the cache."""
    kind, sentence = expected
    started = time.monotonic()
    with pytest.raises(MQError) as caught:
        asker.service(server_url, **how).everything()
    assert time.monotonic() - started < 5
    assert type(caught.value) is kind
    assert str(caught.value).startswith(server_url)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list((asker.directory / "cache").glob("*/cs-*.cfg"))
    return caught.value


@pytest.mark.parametrize("status", STATUSES)
def test_https_status(status: str, asker: Asker, pki: PKI, host: Holder) -> None:
    """Each HTTP status that is not 200, with a body of HTML as Tornado sends it."""

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send(http_response(HTML, status, "text/html"))

    with TlsServer(host, pki.ca_directory, conversation) as server:
        error = expect(server.url, asker, STATUSES[status])
    assert (error.hint is None) == (type(error) is AWAY)


@pytest.mark.parametrize("name", [*BODIES, *DATA])
@pytest.mark.parametrize("scheme", ["https", "dips"])
def test_answer(scheme: str, name: str, asker: Asker, pki: PKI, host: Holder) -> None:
    """Each malformed answer, over both."""
    if name in BODIES:
        body, expected = BODIES[name]
    else:
        data, expected = DATA[name]
        body = ok(data if scheme == "https" else {"__dCls": "b64", "obj": data})

    def conversation(peer: Peer) -> None:
        if scheme == "https":
            peer.request()
            peer.send(http_response(body))
        else:
            peer.frame()
            peer.send_frame(b'{"OK": true, "Value": null}')
            peer.frame()
            peer.send_frame(body)

    with TlsServer(host, pki.ca_directory, conversation, scheme) as server:
        expect(server.url, asker, expected)


def test_untagged_data_over_dips(asker: Asker, pki: PKI, host: Holder) -> None:
    """In DISET octets are tagged: a bare text is none."""

    def conversation(peer: Peer) -> None:
        peer.frame()
        peer.send_frame(b'{"OK": true, "Value": null}')
        peer.send_frame(ok(b64(packed(TEXT))))

    with TlsServer(host, pki.ca_directory, conversation, "dips") as server:
        expect(server.url, asker, NOT_BASE64)


def test_zip_bomb(asker: Asker, pki: PKI, host: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that unpacks to more than the bound is refused without being unpacked whole."""
    monkeypatch.setattr(answer, "LARGEST_TEXT", 4 << 20)
    data = bomb(200 << 20)
    assert len(data) < 500_000

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send(http_response(ok(b64(data))))

    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with TlsServer(host, pki.ca_directory, conversation) as server:
        expect(server.url, asker, (WRONG, "its data unpacks to more than 4 MiB, which no CS has"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("length", [b"", b"Content-Length: 99999999999\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_endless_body(length: bytes, asker: Asker, pki: PKI, host: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """A body without end is read up to the bound, however it is framed."""
    for module in ("https", "dips", "answer"):
        monkeypatch.setattr(f"diracmq_cli.config.remote.{module}.LARGEST_REPLY", 1 << 20)

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n")
        while True:
            peer.send((b"10000\r\n" if b"chunked" in length else b"") + b" " * 65536 + b"\r\n" * (b"chunked" in length))

    with TlsServer(host, pki.ca_directory, conversation) as server:
        expect(server.url, asker, (WRONG, "its answer is larger than 1 MiB"))


FRAMES = {
    b"123456789012345": (WRONG, "its answer is larger than 32 MiB"),
    b"99999999:": (WRONG, "its answer is larger than 32 MiB"),
    b"HTTP/1.1 400 Bad Request\r\n": (WRONG, "it does not speak DISET: no length before a colon"),
    b"-5:abcde": (WRONG, "it does not speak DISET: no length before a colon"),
    b":abc": (WRONG, "it does not speak DISET: no length before a colon"),
    b"10:abc": (AWAY, "closed the connection in the middle of its answer"),
    b"1": (AWAY, "closed the connection in the middle of its answer"),
    b"dka2:{}" * 200: (WRONG, "it sends keep-alives and no answer"),
    b"0:": NO_JSON,
}


@pytest.mark.parametrize("frame", FRAMES)
def test_frames(frame: bytes, asker: Asker, pki: PKI, host: Holder) -> None:
    """Each thing that is no frame of DISET."""

    def conversation(peer: Peer) -> None:
        peer.frame()
        peer.send(frame)

    with TlsServer(host, pki.ca_directory, conversation, "dips") as server:
        expect(server.url, asker, FRAMES[frame])


def test_keep_alives_are_passed_over(asker: Asker, pki: PKI, host: Holder) -> None:
    """A server may send keep-alives before each answer (``BaseTransport.sendKeepAlive``)."""
    ping = b'dka50:{"OK": true, "Value": {"id": "x", "kaping": true} }'
    assert len(ping) - len(b"dka50:") == 51
    ping = ping.replace(b"50", b"51")

    def conversation(peer: Peer) -> None:
        peer.frame()
        peer.send(ping + ping)
        peer.send_frame(b'{"OK": true, "Value": null}')
        peer.frame()
        peer.send(ping)
        peer.send_frame(ok({"__dCls": "b64", "obj": b64(packed(TEXT))}))

    with TlsServer(host, pki.ca_directory, conversation, "dips") as server:
        cs = asker.service(server.url)
        cs.everything()
        assert cs.configuration().text("/A/b") == "c"


def test_gateway_that_wants_a_proxy(asker: Asker, pki: PKI, host: Holder) -> None:
    """A DISET gateway asks for a delegated proxy: it does not get one, and is named as what it is."""

    def conversation(peer: Peer) -> None:
        peer.frame()
        peer.send_frame(b'{"OK": true, "Value": {"delegate": "-----BEGIN CERTIFICATE REQUEST-----"}}')

    with TlsServer(host, pki.ca_directory, conversation, "dips") as server:
        error = expect(server.url, asker, (WRONG, "it is a gateway that wants a delegated proxy"))
    assert "-o /DIRAC/Gateways/" in (error.hint or "")


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("scheme", ["https", "dips"])
def test_hung_up(scheme: str, tls: ssl.TLSVersion, asker: Asker, pki: PKI, host: Holder) -> None:
    """A server that hangs up without a word, as DIRAC's does on an expired proxy, is 77 and named so."""

    def conversation(peer: Peer) -> None:
        peer.connection.recv(10)
        peer.connection.close()

    with TlsServer(host, pki.ca_directory, conversation, scheme, tls=tls) as server:
        error = expect(server.url, asker, (REFUSED, "closed the connection without a word: so servers treat a proxy"))
    assert error.exit_status is ExitStatus.NO_PERMISSION


def test_hung_up_in_the_handshake(asker: Asker) -> None:
    """Nor does one that ends in the middle of the handshake get another name."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            sock, _ = listener.accept()
            sock.recv(10)
            sock.close()

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        expect(f"https://localhost:{port}", asker, (REFUSED, "closed the connection without a word"))


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("scheme", ["https", "dips"])
def test_alert(scheme: str, tls: ssl.TLSVersion, asker: Asker, pki: PKI, host: Holder, expired_proxy: Path) -> None:
    """A server that says why in TLS's own words is quoted."""
    asker.proxy = expired_proxy
    with TlsServer(host, pki.ca_directory, CS(TEXT).conversation(scheme), scheme, tls=tls) as server:
        expect(server.url, asker, (REFUSED, "it refused our certificate: certificate expired"))


def test_wrong_host_name(asker: Asker, pki: PKI, host: Holder) -> None:
    """A good certificate for another name is refused, with 77."""
    with TlsServer(host, pki.ca_directory, CS(TEXT).https, name="127.0.0.1") as server:
        error = expect(server.url, asker, (AccessError, "its certificate is for another host: "))
    assert error.exit_status is ExitStatus.NO_PERMISSION
    assert server.heard == []


def test_unknown_ca(asker: Asker, pki: PKI, tmp_path: Path) -> None:
    """A server of a CA that we do not know hears nothing of us."""
    other = make_pki(tmp_path)
    impostor = other.issue("impostor", distinguished((NameOID.COMMON_NAME, "localhost")))
    with TlsServer(impostor, pki.ca_directory, CS(TEXT).https) as server:
        error = expect(server.url, asker, (AccessError, "its certificate cannot be verified: "))
    assert "--capath" in (error.hint or "")
    assert server.heard == []


def test_no_tls(asker: Asker) -> None:
    """A port where something else talks is a matter of configuration."""
    with plain_server(b"220 smtp.example.org ESMTP\r\n") as port:
        expect(f"dips://localhost:{port}/X/Y", asker, (WRONG, "no TLS with it: wrong version number"))


def test_https_to_a_dips_server(asker: Asker, pki: PKI, host: Holder) -> None:
    """The wrong scheme is found out."""

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send_frame(b'{"OK": false}')

    with TlsServer(host, pki.ca_directory, conversation) as server:
        error = expect(server.url, asker, (WRONG, "it does not speak HTTP"))
    assert error.hint == "check scheme and port: https:// or dips://"


def test_cut_body(asker: Asker, pki: PKI, host: Holder) -> None:
    """A body that ends before its length is a lost connection, worth another try."""

    def conversation(peer: Peer) -> None:
        peer.request()
        peer.send(http_response(ok(b64(packed(TEXT))))[:-10])

    with TlsServer(host, pki.ca_directory, conversation) as server:
        expect(server.url, asker, (AWAY, "closed the connection in the middle of its answer"))


def test_refused_connection(asker: Asker) -> None:
    """Nobody listens: 69."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = expect(f"https://127.0.0.1:{port}", asker, (AWAY, "connection refused"))
    assert error.exit_status is ExitStatus.UNAVAILABLE


def test_no_such_host(asker: Asker) -> None:
    """A name that does not resolve: 68."""
    error = expect("https://no-such-host.invalid:8443", asker, (HostUnknown, "no-such-host.invalid does not resolve: "))
    assert error.exit_status is ExitStatus.NO_HOST


def _never(peer: Peer) -> None:
    peer.connection.recv(10)
    time.sleep(3)


def _drip(peer: Peer) -> None:
    for octet in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000:
        peer.send(bytes([octet]))
        time.sleep(0.05)


@pytest.mark.parametrize("conversation", [_never, _drip])
def test_slow_server(conversation, asker: Asker, pki: PKI, host: Holder) -> None:
    """The deadline is one for the whole request: an octet now and then does not put it off."""
    with TlsServer(host, pki.ca_directory, conversation) as server:
        expect(server.url, asker, (AWAY, "no answer in time"), timeout=0.5)


def test_silent_handshake(asker: Asker, pki: PKI, host: Holder) -> None:
    """A server that accepts and says nothing costs no more than the deadline."""
    with TlsServer(host, pki.ca_directory, CS(TEXT).https, handshake=False) as server:
        expect(server.url, asker, (AWAY, "no answer in time"), timeout=0.5)


def test_stopped(pki: PKI, host: Holder, proxy: Path) -> None:
    """A signal ends the wait at once, and no other server is tried."""
    ours, theirs = os.pipe()
    with (
        TlsServer(host, pki.ca_directory, _never) as one,
        TlsServer(host, pki.ca_directory, _never) as two,
        os.fdopen(ours),
        os.fdopen(theirs, "wb", 0) as signal,
    ):
        threading.Timer(0.3, signal.write, [b"\x02"]).start()
        started = time.monotonic()
        with pytest.raises(CSUnreachable, match=r"^stopped while asking the configuration server$"):
            fetch(
                in_order(ServerList((one.url, two.url))),
                Request(),
                context=client_context(pki, proxy),
                timeout=10,
                wake_fd=ours,
            )
        assert time.monotonic() - started < 2
        assert one.connections + two.connections == 1


def test_all_servers_are_tried_and_named(asker: Asker, pki: PKI, host: Holder) -> None:
    """Any one that answers is enough; when none does, all are named, and the worst reason gives the status."""

    def refuse(peer: Peer) -> None:
        peer.request()
        peer.send(http_response(HTML, "401 Unauthorized", "text/html"))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"https://127.0.0.1:{listener.getsockname()[1]}/X/Y"
    with TlsServer(host, pki.ca_directory, refuse) as bad, TlsServer(host, pki.ca_directory, CS(TEXT).https) as good:
        for _ in range(5):
            asker.service(dead, bad.url, good.url, max_age=0).everything()
        assert good.connections == 5
        asker.directory /= "other"
        with pytest.raises(CredentialError) as caught:
            asker.service(dead, bad.url).everything()
        refused = f"{bad.url}: it does not take our credential (HTTP 401)"
    assert str(caught.value).startswith("no configuration server gave its data: ")
    assert f"{dead}: connection refused" in str(caught.value)
    assert refused in str(caught.value)


def test_slow_server_leaves_time_for_the_others(asker: Asker, pki: PKI, host: Holder) -> None:
    """Each server has its share of the time: a dead one at the head of the list cannot use it up."""
    with (
        TlsServer(host, pki.ca_directory, _never) as slow,
        TlsServer(host, pki.ca_directory, CS(TEXT).https) as good,
    ):
        asker.local = f"DIRAC\n{{\nPreferredURLPatterns = .*:{slow.url.split(':')[2].split('/')[0]}/.*\n}}\n"
        asker.service(good.url, slow.url, timeout=2).everything()
        assert (slow.connections, good.connections) == (1, 1)
