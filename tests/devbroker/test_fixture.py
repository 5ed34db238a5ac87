"""The fixtures themselves."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
def test_a_queue_of_ones_own(devbroker, make_queue, kind):
    """What user publishes to NAME.x waits in NAME; the fixture's CFG names it."""
    name, cfg = make_queue(type=kind)
    with devbroker.channel("user") as channel:
        channel.basic_publish(f"{name}.x", "k", b"hello", mandatory=True)
    devbroker.wait_count(name, 1)
    assert name in cfg.read_text()


def test_eval_prints_terms(devbroker):
    """eval gives what Erlang prints, binaries as binaries."""
    assert devbroker.eval('{ok, [<<"a">>], "ü"}') == '{ok,[<<"a">>],"ü"}'
