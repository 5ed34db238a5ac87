"""The proxy that other tests put between a command and the broker: it does what it is told, and no more."""

from __future__ import annotations

import os
import socket
import time

import pytest
from support.commands import bodies
from support.faultproxy import OPEN_OK, Answer, fault_proxy_for
from support.unreachable import black_hole

HEADER = b"AMQP\x00\x00\x09\x01"


def rest(tls):
    """Read what comes until the end of the stream, below TLS, which would not tell a RST from a FIN."""
    with socket.socket(fileno=os.dup(tls.fileno())) as plain:
        plain.settimeout(tls.gettimeout())
        return b"".join(iter(lambda: plain.recv(4096), b""))


@pytest.fixture
def dial(devbroker, fault_proxy):
    """Connect through the proxy: TLS as user, and the AMQP header already sent."""
    opened = []

    def dial(timeout=10):
        plain = socket.create_connection(("127.0.0.1", fault_proxy.port), timeout=timeout)
        opened.append(plain)
        tls = devbroker.context(devbroker.layout.proxy("user")).wrap_socket(plain, server_hostname="localhost")
        opened.append(tls)
        tls.sendall(HEADER)
        return tls

    yield dial
    for each in opened:
        each.close()


def test_it_passes_on_and_counts(devbroker, fault_proxy, make_queue):
    """A command works through it, by -b; connections that are over are open no more."""
    name, cfg = make_queue()
    argv = ["--cfg", str(cfg), "-o", f"/Resources/MQServices/dev/Port={fault_proxy.port}"]
    assert devbroker.command(["dirac-mq-send", *argv, "-m", "x", name]).status == 0
    done = devbroker.command(["dirac-mq-consume", *argv, "-n", "1", "-j", name])
    assert bodies(done) == ["x"]
    assert (fault_proxy.accepted, fault_proxy.open) == (2, 0)


def test_cut(dial, fault_proxy):
    """All connections end at once, by RST or by FIN; the next one works."""
    first, second = dial(), dial()
    assert first.recv(1) == second.recv(1) == b"\x01"
    assert fault_proxy.cut() == 2
    for each in (first, second):
        with pytest.raises(ConnectionResetError):
            rest(each)
    third = dial()
    assert third.recv(1) == b"\x01"
    assert fault_proxy.cut(reset=False) == 1
    rest(third)
    assert fault_proxy.open == 0


def test_refuse_and_clear(dial, fault_proxy):
    """New connections are refused and old ones go on, until all is clear again, on the same port."""
    old = dial()
    fault_proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        dial()
    assert old.recv(1) == b"\x01"
    fault_proxy.clear()
    assert dial().recv(1) == b"\x01"


@pytest.mark.parametrize("answer", [Answer.NOTHING, Answer.ONLY_TLS])
def test_answers(dial, fault_proxy, answer):
    """Accepted and never answered: not even TLS, or nothing after it."""
    fault_proxy.answer(answer)
    with pytest.raises(TimeoutError):
        dial(timeout=0.5).recv(1)
    fault_proxy.clear()
    assert dial().recv(1) == b"\x01"


@pytest.mark.parametrize("way", [{"up": False}, {"down": False}, {}])
def test_stall_and_go_on(dial, fault_proxy, way):
    """Nothing gets through in the stalled direction, the connection stays, and clear lets everything through."""
    tls = dial()
    assert tls.recv(1) == b"\x01"
    fault_proxy.stall(**way)
    tls.settimeout(0.5)
    tls.sendall(b"this is no AMQP")  # which the broker answers by hanging up
    with pytest.raises(TimeoutError):
        rest(tls)
    fault_proxy.clear()
    tls.settimeout(10)
    rest(tls)


def test_delay_and_trickle(dial, fault_proxy):
    """Each chunk waits; or octets come slowly. The broker's first word is some 500 octets."""
    fault_proxy.delay(0.2)
    started = time.monotonic()
    dial().recv(1)
    assert time.monotonic() - started > 0.8  # at least two chunks each way
    fault_proxy.clear()
    tls = dial()
    assert tls.recv(1) == b"\x01"
    fault_proxy.trickle(20)
    started = time.monotonic()
    tls.sendall(b"x" * 10)  # and TLS around it: over 30 octets
    rest(tls)
    assert time.monotonic() - started > 1


def test_an_opened_proxy_stalls_after_what_it_sees(devbroker):
    """It logs in as the user and stalls when the login is over: the broker has the connection, the client no answer."""
    with fault_proxy_for(devbroker, opened="user") as proxy:
        argv = ["dirac-mq-list", "-o", f"/Resources/MQServices/dev/Port={proxy.port}", "-t", "1s"]
        assert devbroker.command([*argv, "dev::Queues::demo.jobs"]).status == 0
        proxy.stall_after(OPEN_OK)
        done = devbroker.command([*argv, "dev::Queues::demo.jobs"])
        assert (done.status, "in time" in done.stderr) == (69, True)
        assert proxy.accepted == 2


def test_a_black_hole():
    """A connection to it is neither made nor refused."""
    with black_hole() as port, pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", port), timeout=0.5)
