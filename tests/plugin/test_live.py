"""A sample of the chains on a real broker, by a client that shares no code with ours."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pika
import pytest
from pika.exceptions import ConnectionClosedByBroker
from support.broker import Broker
from support.chain_parts import LIMITED, USER_USAGE, name, proxy_info
from support.chains import YESTERDAY, Issued, issue, proxies, proxy, root, tampered
from support.clients import load, login, person, refused
from support.proxies import Holder, by_dirac, by_globus, by_openssl
from support.rawamqp import PROTOCOL_HEADER, START_OK, TUNE_OK_AND_OPEN

from diracmq_cli.devbroker import Role

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
def user(devbroker: Broker) -> Issued:
    """The devbroker's user, to sign with."""
    return person(devbroker, Role.USER)


@pytest.fixture
def holder(devbroker: Broker) -> Holder:
    """The same, for tools."""
    return Holder(devbroker.layout.certificate(Role.USER), devbroker.layout.key(Role.USER))


@pytest.fixture
def ca(devbroker: Broker) -> Issued:
    return load(devbroker.layout.ca / "cert.pem", devbroker.layout.ca / "key.pem")


@pytest.mark.parametrize("version", VERSIONS)
def test_user_and_proxies_of_three_tools(
    devbroker: Broker, holder: Holder, tmp_path: Path, version: ssl.TLSVersion
) -> None:
    """The certificate itself and proxies by Globus, OpenSSL and DIRAC all log in as the end entity."""
    dn = devbroker.dn("user")
    made = [
        by_globus(holder, tmp_path / "globus.pem"),
        by_globus(holder, tmp_path / "limited.pem", "-rfc", "-limited"),
        by_openssl(holder, tmp_path / "openssl.pem"),
        by_dirac(holder, tmp_path / "dirac.pem", group="dirac_user"),
    ]
    second = by_openssl(Holder.of_proxy(made[0]), tmp_path / "second.pem")
    third = by_dirac(Holder.of_proxy(second), tmp_path / "third.pem")
    assert [login(devbroker, file, version) for file in (*made, second, third)] == [dn] * 6


def test_user_id_of_the_login_is_accepted(devbroker: Broker) -> None:
    """A message under the end entity's DN passes."""
    with devbroker.channel("user") as channel:
        message = pika.BasicProperties(user_id=devbroker.dn("user"))
        channel.basic_publish("demo.jobs.x", "", b"", message, mandatory=True)
    devbroker.purge("demo.jobs")


@pytest.mark.parametrize("version", VERSIONS)
def test_end_entity_can_mint_nothing(
    devbroker: Broker, ca: Issued, write: Callable[..., Path], version: ssl.TLSVersion
) -> None:
    """A certificate that a user signs for the operator's DN lets nobody in, with and without keyUsage."""
    operator = person(devbroker, Role.OPERATOR).subject
    for extensions in ((), (USER_USAGE,)):
        mallory = issue(name("DC=org", "DC=example", "CN=Mallory"), ca, *extensions)
        log = refused(devbroker, write(issue(operator, mallory), mallory), version)
        assert f"refused {devbroker.dn('operator')} in the path of /DC=org/DC=example/CN=Mallory" in log
        assert "signed_by_end_entity" in log


def test_refusals(devbroker: Broker, user: Issued, write: Callable[..., Path]) -> None:
    """Expired, tampered with, below a limited proxy, from a stranger's CA: each is refused, and the log says why."""
    own_ca = root(name("DC=org", "DC=example", "CN=Nobody's CA"))
    stranger = issue(user.subject, own_ca, USER_USAGE)
    limited = proxy(user, info=proxy_info(LIMITED))
    past = (YESTERDAY - timedelta(days=1), YESTERDAY)
    rows = {
        "expired": (proxy(user, life=past), user),
        "invalid_signature": (tampered(proxy(user)), user),
        "full_below_limited": (proxy(limited), limited, user),
        "too_many_proxies": (*proxies(user, 11), user),
        "unknown_ca": (proxy(stranger), stranger),
    }
    for reason, chain in rows.items():
        log = refused(devbroker, write(*chain))
        assert f": {reason}" in log
        assert devbroker.dn("user") in log


def test_login_is_logged_for_who_debugs(devbroker: Broker) -> None:
    """At debug level a line tells DN, kind and depth."""
    before = len(devbroker.log)
    devbroker.ctl("set_log_level", "debug")
    try:
        devbroker.client("user").close()
    finally:
        devbroker.ctl("set_log_level", "info")
    assert f"grid proxy: login of {devbroker.dn('user')} by proxy, depth 1" in devbroker.log[before:]


def ends(seconds: float) -> tuple[datetime, datetime]:
    return YESTERDAY, (datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0)


def test_connection_ends_with_its_proxy(devbroker: Broker, user: Issued, write: Callable[..., Path]) -> None:
    """When a proxy of some seconds expires the broker closes its connection (320), and no other of the same DN."""
    short = proxy(user, life=ends(4))
    staying = devbroker.client("user")
    closing = devbroker.client(credential=write(short, user))
    until = short.certificate.not_valid_after_utc.timestamp()
    with pytest.raises(ConnectionClosedByBroker) as caught:
        closing.process_data_events(10)
    assert until <= time.time() <= until + 3
    assert caught.value.reply_code == 320
    assert "expired" in caught.value.reply_text
    staying.process_data_events(0)
    assert staying.is_open
    staying.close()


def test_deaf_clients_are_dropped_too(devbroker: Broker, user: Issued, write: Callable[..., Path]) -> None:
    """A client that never opens its connection, and one that does not answer connection.close, end with the proxy."""
    short = proxy(user, life=ends(4))
    until = short.certificate.not_valid_after_utc.timestamp()
    context = devbroker.context(write(short, user))
    deaf = []
    for words in ((START_OK,), (START_OK, TUNE_OK_AND_OPEN)):
        tcp = socket.create_connection(("localhost", devbroker.port), timeout=15)
        tls = context.wrap_socket(tcp, server_hostname="localhost")
        tls.sendall(PROTOCOL_HEADER)
        for word in words:
            assert tls.recv(4096)  # connection.start, tune
            tls.sendall(word)
        deaf.append(tls)
    for tls in deaf:
        with tls, contextlib.suppress(ConnectionResetError):
            heard = b""
            while octets := tls.recv(4096):
                heard += octets
            assert heard  # connection.tune, or connection.open-ok and then connection.close
        assert until <= time.time() <= until + 8


def test_table_comes_back_after_a_crash(devbroker: Broker) -> None:
    """The process that owns the table of sessions is supervised."""
    old = devbroker.eval("exit(whereis(rabbit_grid_proxy_sessions), kill)")
    assert old == "true"
    deadline = time.monotonic() + 5
    while devbroker.eval("whereis(rabbit_grid_proxy_sessions)") == "undefined" and time.monotonic() < deadline:
        time.sleep(0.05)
    devbroker.client("user").close()
