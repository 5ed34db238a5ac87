"""Asking about queues: figures for those that are there, words for the others."""

from __future__ import annotations

import time

from support.adapter import fill, session, spec_of


def test_figures_in_order(devbroker, make_queue):
    """Each name gets its figures or its problem, in the order asked for, twice on one connection."""
    one, _ = make_queue()
    two, cfg = make_queue()
    fill(devbroker, one, 3)
    with session(devbroker) as reading:
        reading.consumer(spec_of(devbroker, two, cfg), limit=None).receive(0.5)
        with session(devbroker) as opened:
            inspector = opened.inspector()
            for _ in range(2):
                got = inspector.status([one, "no.such", two, "no.such.either", one, "no.such"], 5)
                assert [(status.ready, status.consumers, status.problem) for status in got] == [
                    (3, 0, None),
                    (None, None, "no such queue"),
                    (0, 1, None),
                    (None, None, "no such queue"),
                    (3, 0, None),
                    (None, None, "no such queue"),
                ]
            assert inspector.status([], 5) == []


def test_somebody_elses_private_queue(devbroker):
    """An exclusive queue of another connection is said to be in use."""
    with devbroker.channel("operator") as channel:
        name = channel.queue_declare("", exclusive=True).method.queue
        with session(devbroker) as opened:
            (status,) = opened.inspector().status([name], 5)
    assert status.problem == "in exclusive use"


def test_many_queues_at_once(devbroker):
    """Two hundred questions cost one wait, not two hundred."""
    with session(devbroker) as opened:
        inspector = opened.inspector()
        inspector.status(["demo.jobs"], 5)
        started = time.monotonic()
        got = inspector.status(["demo.jobs"] * 200, 5)
        assert time.monotonic() - started < 0.5
    assert all(status.problem is None for status in got)
