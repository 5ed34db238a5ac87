"""``dirac-mq-send`` renews its connection while nothing is wrong with it: before the broker ends it with the proxy."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from support.broker import Broker
from support.clients import short_proxy
from support.queues import QueueFactory
from support.senders import drained, sender

LIFE = 12


def test_a_proxy_that_is_renewed(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """With a spool and without, under load: another connection late in the proxy's life, without a word and without a
    repeat, in order."""
    file = tmp_path / "proxy.pem"
    short_proxy(devbroker, file, LIFE)
    lines = [str(number) for number in range(2400)]
    with ExitStack() as stack:
        senders = []
        for more in ([], [f"--spool={tmp_path}/spool"]):
            name, cfg = make_queue()
            argv = [name, "--cfg", str(cfg), "-d", *more]
            senders.append((name, stack.enter_context(sender(devbroker, argv, tmp_path, X509_USER_PROXY=str(file)))))
        with ExitStack() as held:
            for _, one in senders:
                held.enter_context(one.held_open())
                one.feed(lines, every=0.1, at_once=20)
                one.until(1)
            short_proxy(devbroker, file, 3600)
            deadline = time.monotonic() + LIFE + 30
            while any(one.stderr.count("dialling dev") < 2 for _, one in senders):
                assert time.monotonic() < deadline, [one.stderr for _, one in senders]
                time.sleep(0.05)
        for name, one in senders:
            assert one.wait(120) == 0
            assert "lost" not in one.stderr
            assert "again" not in one.stderr
            assert one.outcomes("spooled") == set()
            assert [body for _, body in drained(devbroker, name)] == lines
