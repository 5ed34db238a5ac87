"""What a node does that was started from rendered files, by clients that share no code with ours."""

from __future__ import annotations

import re
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pika
import pytest
from pika.exceptions import (
    AMQPConnectionError,
    IncompatibleProtocolError,
    ProbableAuthenticationError,
)
from support.rendered import Rendered, rendered_broker

CFG = """
Registry
{
  Users
  {
    jane
    {
      DN = @USER@
    }
    pilot
    {
      DN = @PILOT@
    }
  }
  Groups
  {
    users
    {
      Users = jane
    }
    pilots
    {
      Users = pilot
      Properties = GenericPilot
    }
  }
}
Resources
{
  MQServices
  {
    mq
    {
      Host = localhost
      Port = @PORT@
      VHost = dirac
      ManagementURL = https://localhost:@MANAGEMENT@
      Queues
      {
        jobs
        {
          Type = quorum
          ConsumerTimeout = 2h
          Publishers = group:pilots, group:users
          Consumers = group:users
        }
      }
    }
  }
}
"""


@pytest.fixture(scope="module")
def bare() -> Iterator[Rendered]:
    """Without users, and no entry names a User."""
    with rendered_broker(CFG) as broker:
        yield broker


def test_listeners(bare):
    """AMQP over TLS, the HTTP API over TLS, metrics on loopback; nothing in the clear, and nothing else."""
    listeners = bare.eval(
        "[{element(3, L), element(6, L)} || L <- rabbit_networking:active_listeners(), element(3, L) =/= clustering]"
    )
    found = set(re.findall(r"\{'?([a-z/]+)'?,(\d+)\}", listeners))
    ports = {"amqp/ssl": bare.port, "https": bare.management, "http/prometheus": bare.prometheus}
    assert found == {(name, str(port)) for name, port in ports.items()}, listeners
    with urllib.request.urlopen(f"http://127.0.0.1:{bare.prometheus}/metrics", timeout=10) as answer:
        assert b"rabbitmq_" in answer.read()
    with pytest.raises(OSError, match=r"[Rr]efused"):
        socket.create_connection(("127.0.0.2", bare.prometheus), timeout=5)


def test_nobody_is_there(bare):
    """No guest, no user at all: definitions without users do not make RabbitMQ invent one; the queues are there."""
    assert bare.eval("rabbit_auth_backend_internal:list_users()") == "[]"
    assert bare.eval("lists:sort([element(4, element(2, Q)) || Q <- rabbit_amqqueue:list()])") == '[<<"jobs">>]'
    with pytest.raises(ProbableAuthenticationError):
        bare.client("user")
    context = bare.context(None)
    request = urllib.request.Request(f"https://localhost:{bare.management}/api/overview")
    request.add_header("Authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")  # guest:guest
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, context=context, timeout=10)
    assert caught.value.code == 401


def test_plain_is_not_offered(bare):
    """Where no entry names a User there is no password to try."""
    assert bare.eval("application:get_env(rabbit, auth_mechanisms)") == "{ok,['EXTERNAL']}"
    with pytest.raises(AMQPConnectionError):
        bare.client("user", pika.PlainCredentials("guest", "guest"))


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(bare, version):
    """TLS 1.2 and 1.3 only, on both ports."""
    for port in (bare.port, bare.management):
        with (
            socket.create_connection(("localhost", port), timeout=10) as plain,
            pytest.raises(ssl.SSLError, match=r"(?i)protocol.version|unsupported"),
        ):
            bare.context("user", version).wrap_socket(plain, server_hostname="localhost")


def test_a_client_shows_a_certificate(bare):
    """Without one, the handshake fails, whatever would be said afterwards."""
    with pytest.raises((IncompatibleProtocolError, AMQPConnectionError)):
        bare.client(None)


def test_what_the_cs_asks_of_a_node(bare):
    """ConsumerTimeout of the CS, and the limits of a herd, are in force."""
    found = [bare.eval(f"application:get_env(rabbit, {name})") for name in ("consumer_timeout", "connection_max")]
    assert found == ["{ok,7200000}", "{ok,50000}"]
    assert (
        bare.eval("proplists:get_value(backlog, element(2, application:get_env(rabbit, tcp_listen_options)))") == "4096"
    )
