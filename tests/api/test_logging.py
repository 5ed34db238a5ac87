"""``MQHandler``: what is logged arrives, and whatever the broker does, the program that logs is not kept waiting."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import take
from support.faultproxy import FaultProxy
from support.programs import program, setup
from support.queues import QueueFactory
from support.senders import blocked, kept

from diracmq_cli.api import MQHandler

SLOWEST = 0.5
"""Seconds that one record may cost on a loaded machine; it costs 0.00005 on a quiet one."""


@contextmanager
def handling(handler: MQHandler) -> Iterator[logging.Logger]:
    """A logger whose records go to the handler, which is closed in the end."""
    logger = logging.Logger("my.app")
    logger.addHandler(handler)
    with closing(handler):
        yield logger


def log_many(logger: logging.Logger, count: int) -> float:
    """Log so many records; returns the longest time that one took."""
    slowest = 0.0
    for number in range(count):
        before = time.perf_counter()
        logger.warning("record %d", number)
        slowest = max(slowest, time.perf_counter() - before)
    return slowest


def _handler(broker: Broker, name: str, cfg: Path | None = None, *, url: str | None = None, **more: Any) -> MQHandler:
    return MQHandler(name, setup=setup(broker, cfg, url=url), **more)


def test_records_arrive(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Formatted, in order, with level and logger as routing key and headers, and the sender's stamp."""
    name, cfg = make_queue()
    handler = _handler(devbroker, name, cfg, level=logging.INFO)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    with handling(handler) as logger:
        logger.info("first %s", "grüß \ud800")
        logger.debug("below the level")
        logger.error("x" * 100_000)
        log_many(logger, 500)
        handler.flush()
        assert (handler.waiting, handler.dropped, handler.failure) == (0, 0, None)
    (method, properties, body), second, *others = take(devbroker, name)
    assert body.decode() == "INFO first grüß \\ud800"
    assert method.routing_key == "info.my.app"
    assert (properties.headers["log-level"], properties.headers["log-logger"]) == ("INFO", "my.app")
    assert (properties.type, properties.user_id) == ("log", devbroker.dn("user"))
    assert len(second[2]) == 16 * 1024
    assert second[2].endswith(b" [cut]")
    assert [body for _, _, body in others] == [f"WARNING record {n}".encode() for n in range(500)]


def test_our_own_records_are_passed_over(devbroker: Broker, make_queue: QueueFactory) -> None:
    """To send them would make more of them."""
    name, cfg = make_queue()
    handler = _handler(devbroker, name, cfg)
    for ours in ("diracmq_cli.api", "pika.connection"):
        handler.handle(logging.LogRecord(ours, logging.INFO, "", 0, "x", None, None))
    handler.close()
    assert take(devbroker, name) == []


def test_no_broker(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """Records wait up to the capacity, further ones are counted; flush is bounded; all that waited arrive later."""
    name, cfg = make_queue()
    fault_proxy.refuse()
    handler = _handler(devbroker, name, cfg, url=fault_proxy.url, capacity=1000, flush_timeout=0.5)
    with handling(handler) as logger:
        assert log_many(logger, 3000) < SLOWEST
        started = time.monotonic()
        handler.flush()
        assert 0.4 < time.monotonic() - started < 5
        assert 1000 <= handler.waiting <= 2000  # a batch has been taken out of the buffer
        assert handler.waiting + handler.dropped == 3000
        assert "connection refused" in str(handler.failure)
        fault_proxy.clear()
        handler.flush_timeout = 60
        handler.flush()
        assert (handler.waiting, handler.failure) == (0, None)
        arrived = 3000 - handler.dropped
    assert [body for _, _, body in take(devbroker, name)][:1000] == [f"record {n}".encode() for n in range(1000)]
    assert arrived >= 1000


@pytest.mark.parametrize("trouble", ["stalls", "blocks", "is slow"])
def test_a_bad_broker(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, trouble: str) -> None:
    """One that goes silent, blocks publishers or reads slowly costs the program nothing, and its end is bounded."""
    name, cfg = make_queue()
    handler = _handler(devbroker, name, cfg, url=fault_proxy.url, capacity=1000, flush_timeout=0.5)
    with handling(handler) as logger:
        logger.warning("begin")
        handler.flush_timeout = 20
        handler.flush()
        assert handler.waiting == 0
        handler.flush_timeout = 0.5
        with blocked(devbroker) if trouble == "blocks" else closing(_Trouble(fault_proxy, trouble)):
            assert log_many(logger, 5000) < SLOWEST
            started = time.monotonic()
            handler.close()
            assert time.monotonic() - started < 15
    assert handler.dropped > 0
    assert handler.dropped + len(take(devbroker, name)) + handler.waiting >= 5001


class _Trouble:
    def __init__(self, proxy: FaultProxy, kind: str) -> None:
        self._proxy = proxy
        if kind == "stalls":
            proxy.stall()
        else:
            proxy.trickle(2000)

    def close(self) -> None:
        self._proxy.clear()


def test_a_killed_connection(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy) -> None:
    """Nothing is lost; what comes twice has the same id."""
    name, cfg = make_queue()
    handler = _handler(devbroker, name, cfg, url=fault_proxy.url, flush_timeout=30)
    with handling(handler) as logger:
        for _ in range(3):
            log_many(logger, 500)
            time.sleep(0.1)
            fault_proxy.cut()
    got = {properties.message_id: body for _, properties, body in take(devbroker, name)}
    assert sorted(got.values()) == sorted(f"record {n}".encode() for n in [*range(500)] * 3)
    assert handler.dropped == 0


def test_with_a_spool(devbroker: Broker, make_queue: QueueFactory, fault_proxy: FaultProxy, tmp_path: Path) -> None:
    """What the broker does not take is on the disk when the handler is closed."""
    name, cfg = make_queue()
    fault_proxy.refuse()
    spool = tmp_path / "spool"
    handler = _handler(devbroker, name, cfg, url=fault_proxy.url, spool=str(spool), flush_timeout=20)
    with handling(handler) as logger:
        assert log_many(logger, 500) < SLOWEST
    assert handler.dropped == 0
    assert [body for _, body in kept(spool)] == [f"record {n}" for n in range(500)]


def test_what_is_wrong_is_not_raised(devbroker: Broker) -> None:
    """A queue that does not exist is what ``failure`` says; every record is counted in the end."""
    handler = _handler(devbroker, "nonesuch", flush_timeout=0.3)
    with handling(handler) as logger:
        log_many(logger, 10)
        handler.flush()
        assert "nonesuch" in str(handler.failure)
    assert (handler.dropped, handler.waiting) == (10, 0)
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "after close", None, None))
    assert handler.dropped == 11


def test_many_threads(devbroker: Broker, make_queue: QueueFactory) -> None:
    """They may log at once; each one's order is kept."""
    name, cfg = make_queue()
    handler = _handler(devbroker, name, cfg, flush_timeout=30)
    with handling(handler) as logger:
        threads = [
            threading.Thread(target=lambda n=n: [logger.info("%d %d", n, i) for i in range(300)]) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    got = [tuple(map(int, body.split())) for _, _, body in take(devbroker, name)]
    for number in range(4):
        assert [i for n, i in got if n == number] == list(range(300))


_EXIT = """
import logging, os, signal, sys, time
from diracmq_cli import MQHandler
handler = MQHandler("demo.jobs", flush_timeout=float(sys.argv[1]))
logging.basicConfig(level=logging.INFO, handlers=[handler], format="%(message)s")
signal.signal(signal.SIGALRM, lambda *_: logging.info("from a signal handler"))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(2000):
    logging.info("parent %d", number)
signal.setitimer(signal.ITIMER_REAL, 0)
child = os.fork()
for number in range(100):
    logging.info("%s %d", "parent after" if child else "child", number)
if child:
    os.waitpid(child, 0)
print("end")
"""


def test_at_exit_and_in_a_fork(devbroker: Broker) -> None:
    """What was logged is sent at the end of the process: by parent and child each its own, signal handlers' too."""
    devbroker.purge("demo.jobs")
    with program(devbroker, _EXIT, "30") as run:
        assert run.ends(60) == (0, "end\nend\n")
    got = [body.decode() for _, _, body in take(devbroker, "demo.jobs")]
    for prefix, count in (("parent ", 2000), ("parent after ", 100), ("child ", 100)):
        own = [text for text in got if text.removeprefix(prefix).isdecimal()]
        assert own == [f"{prefix}{number}" for number in range(count)]


def test_an_exit_without_a_broker(devbroker: Broker) -> None:
    """It takes flush_timeout and a little more."""
    with program(devbroker, _EXIT, "0.5", DIRAC_MQ_BROKER="amqps://localhost:1/dirac") as run:
        run.says("end")
        run.says("end")
        run.ends_within(20)


_MODULES = """
import logging, sys
from diracmq_cli import MQHandler
handler = MQHandler("demo.jobs", spool=sys.argv[1], sign=True, flush_timeout=20)
before = set(sys.modules)
handler.handle(logging.makeLogRecord({"msg": "x"}))
handler.close()
print(handler.dropped, handler.failure)
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_is_imported_in_the_background(devbroker: Broker, tmp_path: Path) -> None:
    """A fork would leave the child with half a module; with no CS kept in HOME, its reader is needed too."""
    with program(devbroker, _MODULES, str(tmp_path / "spool"), HOME=str(tmp_path)) as run:
        run.says("0 None")
        assert run.ends() == (0, "\n")
    devbroker.purge("demo.jobs")
