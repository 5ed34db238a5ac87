"""Connecting: who gets in, and what is said to who does not."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from support.adapter import closed_port, context_of, listening, open_session, service, session
from support.proxies import Holder, by_hand

from diracmq_cli import devbroker
from diracmq_cli.broker import connect
from diracmq_cli.broker.resolve import resolve
from diracmq_cli.broker.waiting import Deadline, Interrupted
from diracmq_cli.core.model import HostPort, Secret
from diracmq_cli.errors import (
    AccessError,
    BrokerLost,
    BrokerUnreachable,
    ConfigError,
    CredentialError,
    HostUnknown,
    MQError,
    PermissionDenied,
    ProtocolError,
)


def test_a_proxy_logs_in_as_its_end_entity(devbroker):
    """The broker knows us by our DN; our own address and the broker's version can be told."""
    with session(devbroker) as opened:
        assert opened.login == devbroker.dn("user")
        assert opened.local_address in {"127.0.0.1", "::1"}
        assert opened.server_version >= (3, 10)
        assert str(devbroker.port) in opened.peer
        connections = devbroker.ctl("list_connections", "user", "client_properties")
    assert devbroker.dn("user") in connections
    assert '"diracmq_cli"' in connections
    assert '"test"' in connections


def test_a_password_over_tls(devbroker):
    """A server logs in by PLAIN over verified TLS; a wrong password is a credential problem that names the login."""
    devbroker.ctl("add_user", "robot", "s3cret")
    try:
        devbroker.ctl("set_permissions", "-p", "dirac", "robot", "", "", "")
        with session(devbroker, login="robot", password="s3cret") as opened:
            assert opened.login == "robot"
        with pytest.raises(CredentialError, match="refused the login of robot") as caught:
            open_session(devbroker, login="robot", password="wr0ng")
        assert "wr0ng" not in str(caught.value)
    finally:
        devbroker.ctl("delete_user", "robot")


def _refusal(broker, credential):
    started = time.monotonic()
    with pytest.raises(CredentialError) as caught:
        open_session(broker, credential=credential)
    assert time.monotonic() - started < 2
    assert broker.dn("user") in str(caught.value)
    assert "dirac-proxy-init" in caught.value.hint
    return str(caught.value)


def _holder(broker):
    user = devbroker.Role("user")
    return Holder(broker.layout.certificate(user), broker.layout.key(user))


def test_the_broker_refuses_an_expired_proxy(devbroker, tmp_path):
    """TLS 1.3 tells us only after we believe to be connected; still it is 77, with the DN and the reason."""
    expired = by_hand(_holder(devbroker), tmp_path / "expired", not_after=datetime.now(UTC) - timedelta(minutes=1))
    assert "refused our certificate" in _refusal(devbroker, expired)


def test_the_broker_refuses_a_strange_ca(devbroker, tmp_path):
    """A certificate of a CA that the broker does not know is refused as a credential, naming the DN."""
    key, certificate = _self_signed(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(certificate + key)
    _refusal(devbroker, both)


def _self_signed(directory):
    files = directory / "k.pem", directory / "c.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=Nobody"]
    subprocess.run([*request, "-keyout", files[0], "-out", files[1]], check=True, capture_output=True)
    return files[0].read_bytes(), files[1].read_bytes()


def test_a_stranger(devbroker):
    """Who holds a good certificate and no account is refused as a credential, by name."""
    with pytest.raises(CredentialError, match="refused the login") as caught:
        open_session(devbroker, "stranger")
    assert devbroker.dn("stranger") in str(caught.value)


def test_no_virtual_host(devbroker):
    """A virtual host that is not there is a matter of configuration and is named."""
    with pytest.raises(ConfigError, match="no virtual host 'nowhere'"):
        open_session(devbroker, at=service(port=devbroker.port, vhost="nowhere"))


def test_a_forbidden_virtual_host(devbroker):
    """A virtual host that is not for us is a matter of permission and is named."""
    devbroker.ctl("add_vhost", "elsewhere")
    try:
        with pytest.raises(PermissionDenied, match="may not use virtual host 'elsewhere'"):
            open_session(devbroker, at=service(port=devbroker.port, vhost="elsewhere"))
    finally:
        devbroker.ctl("delete_vhost", "elsewhere")


def test_the_wrong_host_name(devbroker):
    """The broker must be the host that the CS names: another name in its certificate is refused."""
    with pytest.raises(AccessError, match="another host") as caught:
        open_session(devbroker, at=service("127.1", port=devbroker.port), timeout=5)
    assert "Host" in caught.value.hint


def test_a_broker_of_an_unknown_ca(devbroker, tmp_path):
    """A broker whose CA we do not know is refused; the hint names --capath."""
    context = ssl.create_default_context(capath=str(tmp_path))
    with pytest.raises(AccessError, match="cannot be verified") as caught:
        open_session(devbroker, context=context)
    assert "--capath" in caught.value.hint


def test_host_names_are_always_checked(devbroker):
    """A context that does not verify is a mistake of the caller's."""
    context = context_of(devbroker, devbroker.layout.proxy("user"))
    context.check_hostname = False
    with pytest.raises(ValueError, match="verify"):
        open_session(devbroker, context=context)


def test_an_unknown_host(devbroker):
    """A host that does not resolve is 68, and named."""
    with pytest.raises(HostUnknown, match=r"nowhere\.invalid"):
        open_session(devbroker, at=service("nowhere.invalid", port=5671))


def test_every_address_is_tried_and_named(devbroker):
    """A good host behind bad ones is found; when all are bad, each is named with its reason."""
    bad = closed_port()
    good = HostPort("localhost", devbroker.port)
    hosts = (HostPort("nowhere.invalid", 5671), HostPort("127.0.0.1", bad), good)
    at = service(port=1)
    with session(devbroker, at=replace(at, hosts=hosts, shuffle_hosts=False)) as opened:
        assert "localhost" in opened.peer
    with pytest.raises(BrokerUnreachable) as caught:
        open_session(devbroker, at=replace(at, hosts=hosts[:2]))
    assert "nowhere.invalid: " in str(caught.value)
    assert f"127.0.0.1:{bad}: connection refused" in str(caught.value)


def _ended_within(seconds, kind, **options):
    started = time.monotonic()
    with pytest.raises(MQError) as caught:
        open_session(**options)
    assert type(caught.value) is kind, caught.value
    assert time.monotonic() - started < seconds
    return str(caught.value)


def test_a_black_hole(devbroker):
    """A host that accepts and never answers costs the timeout and no more."""
    with listening() as port:
        told = _ended_within(1.5, BrokerUnreachable, broker=devbroker, at=service(port=port), timeout=0.5)
    assert "no answer in time" in told


def test_a_black_hole_does_not_hide_the_next_host(devbroker):
    """Each address gets its share of the time only."""
    with listening() as port:
        hosts = (HostPort("127.0.0.1", port), HostPort("localhost", devbroker.port))
        at = replace(service(port=1), hosts=hosts, shuffle_hosts=False)
        started = time.monotonic()
        with session(devbroker, at=at, timeout=8) as opened:
            assert "localhost" in opened.peer
        assert time.monotonic() - started < 6


def test_plain_text_where_tls_was_meant(devbroker):
    """A server that does not speak TLS is a protocol problem, with the options to check."""

    def banner(client):
        client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        client.recv(1000)

    with listening(banner) as port:
        told = _ended_within(3, ProtocolError, broker=devbroker, at=service(port=port))
    assert "no TLS" in told


def test_another_protocol_in_plain_text():
    """On loopback without TLS, a server that is no AMQP broker is told from one."""

    def banner(client):
        client.recv(8)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with listening(banner) as port, pytest.raises(ProtocolError, match="does not speak AMQP") as caught:
        connect(
            service("127.0.0.1", port=port, tls=False),
            None,
            login="guest",
            password=Secret("guest"),
            timeout=5,
            client_name="test",
        )
    assert "TLS" in caught.value.hint


def test_no_plain_text_off_this_machine():
    """Without TLS nothing leaves this machine, not even a connection attempt."""
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1.*must use TLS"):
        connect(
            service("192.0.2.1", port=5672, tls=False),
            None,
            login="guest",
            password=Secret("guest"),
            timeout=5,
            client_name="test",
        )


def test_a_signal_ends_the_wait_for_a_black_hole(devbroker):
    """What is written to wake_fd before or while we connect ends it at once."""
    reader, writer = os.pipe()
    os.write(writer, b"\x02")
    with listening() as port:
        told = _ended_within(1, Interrupted, broker=devbroker, at=service(port=port), timeout=5, wake_fd=reader)
    assert "stopped" in told
    os.close(reader)
    os.close(writer)


def test_a_stopped_broker_cannot_hold_us(devbroker):
    """A broker that is suspended after the login costs a question its timeout; then nobody waits for its farewell."""
    with session(devbroker, timeout=3) as opened:
        inspector = opened.inspector()
        os.kill(devbroker.pid, signal.SIGSTOP)
        try:
            started = time.monotonic()
            with pytest.raises(BrokerLost, match=r"did not answer queue\.declare in time"):
                inspector.status(["demo.jobs"], 0.3)
            assert time.monotonic() - started < 1
            started = time.monotonic()
            inspector.close()
            assert time.monotonic() - started < 0.5
        finally:
            os.kill(devbroker.pid, signal.SIGCONT)


def test_resolution_gives_all_addresses():
    """Every address behind a name is there to be tried, each once."""
    hosts = (HostPort("localhost", 1), HostPort("127.0.0.1", 1), HostPort("localhost", 1))
    found = resolve(hosts, shuffle=True, deadline=Deadline(5), wake_fd=None)
    expected = {address[0] for *_, address in socket.getaddrinfo("localhost", 1, type=socket.SOCK_STREAM)}
    assert {endpoint.ip for endpoint in found.endpoints if endpoint.host.host == "localhost"} == expected
    assert len(found.endpoints) == len(expected) + 1
