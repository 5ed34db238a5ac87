"""A devbroker of three nodes: what a quorum queue promises, with the nodes killed one by one."""

from __future__ import annotations

import json
import time

from support.commands import take

from diracmq_cli import devbroker
from diracmq_cli.devbroker.ports import is_free
from diracmq_cli.devbroker.state import processes

QUEUE = "demo.pilots"


def members(broker):
    """How many members the queue has, how many of them are online, and the number of its leader's node (0: none)."""
    names = [node.node for node in devbroker.status(broker.directory).nodes]
    total, online, leader = json.loads(
        broker.eval(
            f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"dirac">>, queue, <<"{QUEUE}">>)), '
            "I = rabbit_quorum_queue:info(Q, [members, online, leader]), "
            "[length(proplists:get_value(members, I)), length(proplists:get_value(online, I)), "
            "string:str(Names, [atom_to_list(proplists:get_value(leader, I))])]".replace("Names", json.dumps(names))
        )
    )
    return total, online, leader


def until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.1)


def send(broker, text):
    """Send by our command, which knows all three hosts from the CFG."""
    return broker.command(["dirac-mq", "send", "-m", text, QUEUE])


def test_a_quorum_queue_has_three_members(cluster):
    """Queues are declared when all nodes are there; the CFG names all of them; status shows each."""
    assert members(cluster[0])[:2] == (3, 3)
    hosts = ", ".join(f"localhost:{node.port}" for node in cluster)
    assert f"Host = {hosts}\n" in cluster[0].layout.cfg.read_text()
    done = cluster[0].command(["dirac-mq", "devbroker", "status", "-j", "--dir", str(cluster[0].directory)])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.status, done.stderr) == (0, "")
    assert [(row["number"], row["running"], row["pid"]) for row in rows] == [
        (number, True, node.pid) for number, node in enumerate(cluster, start=1)
    ]


def test_one_of_three_may_die(cluster):
    """The leader's node is killed: another confirms and gives the next message; started again, it is a member again."""
    leader = cluster[members(cluster[0])[2] - 1]
    assert send(leader, "before").status == 0
    leader.kill()
    done = leader.command(["dirac-mq", "devbroker", "status", "--dir", str(leader.directory)])
    assert (done.status, done.stdout.count("running  no")) == (4, 1)

    done = send(leader, "after")
    assert (done.status, done.stdout, done.stderr) == (0, "", "")
    other = next(node for node in cluster if node is not leader)
    assert members(other)[:2] == (3, 2)
    assert [body for _, _, body in take(other, QUEUE)] == [b"before", b"after"]

    leader.start()
    until(lambda: members(leader)[:2] == (3, 3))
    assert send(leader, "again").status == 0
    assert [body for _, _, body in take(leader, QUEUE)] == [b"again"]


def test_one_alone_turns_everybody_away(cluster):
    """Two of three are killed: the third closes its listeners, and goes on when one is back; nothing is lost."""
    first, second, third = cluster
    assert send(third, "kept").status == 0
    first.kill()
    second.kill()
    until(lambda: is_free(third.port))
    done = send(third, "refused")
    assert (done.status, done.stdout) == (69, "")
    assert "connection refused" in done.stderr
    first.start()
    until(lambda: members(first)[1] == 2 and members(first)[2])
    assert [body for _, _, body in take(first, QUEUE)] == [b"kept"]


def test_down_leaves_no_process(module_cluster):
    """The nodes that run, and their epmd, have ended."""
    directory = module_cluster[0].directory
    state = devbroker.status(directory)
    running = processes(state.nodes)
    assert running
    assert state.epmd is not None
    assert state.epmd.alive
    devbroker.down(directory)
    assert not any(process.alive for process in (*running, state.epmd))
