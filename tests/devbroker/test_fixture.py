"""The fixtures themselves."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("kind", ["classic", "quorum", "stream"])
def test_a_queue_of_ones_own(devbroker, make_queue, kind):
    """What user publishes to NAME.x waits in NAME; the fixture's CFG names it."""
    name, cfg = make_queue(type=kind)
    with devbroker.channel("user") as channel:
        channel.basic_publish(f"{name}.x", "k", b"hello", mandatory=True)
    if kind != "stream":  # which counts after seconds
        devbroker.wait_count(name, 1)
    assert name in cfg.read_text()


def test_eval_prints_terms(devbroker):
    """eval gives what Erlang prints, binaries as binaries."""
    assert devbroker.eval('{ok, [<<"a">>], "ü"}') == '{ok,[<<"a">>],"ü"}'


def test_a_queue_of_ones_own_survives_a_kill(devbroker, make_queue):
    """After kill and start, a queue just made holds what was confirmed, and the rights on it are as before."""
    name, _ = make_queue(type="quorum")
    with devbroker.channel("user") as channel:
        channel.basic_publish(f"{name}.x", "k", b"kept", mandatory=True)
    devbroker.kill()
    devbroker.start()
    devbroker.wait_count(name, 1)
    with devbroker.channel("user") as channel:
        assert channel.basic_get(name, auto_ack=True)[2] == b"kept"


def test_rabbitmqctl(devbroker):
    """rabbitmqctl talks to this broker; there are the people of the CFG and no guest."""
    users = {line.split("\t")[0] for line in devbroker.ctl("list_users", "--no-table-headers").splitlines()}
    assert users >= {devbroker.dn(role) for role in ("user", "pilot", "operator")} | {"monitor"}
    assert "guest" not in users


def test_a_command_runs_as_somebody(devbroker):
    """command() gives status, standard output and standard error of one of our commands, run as a role."""
    done = devbroker.command(["dirac-mq", "devbroker", "status", "-j", "--dir", str(devbroker.directory)])
    assert (done.status, done.stderr) == (0, "")
    assert f'"amqps": {devbroker.port}' in done.stdout
