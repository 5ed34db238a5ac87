"""A herd of senders on a cluster of three, one node of which is killed: where the clients are before and after.

python benchmarks/herdcluster.py [CLIENTS [QUEUE]]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.broker import Broker, running_cluster
from support.herd import Return, herd_of

PATIENCE = 120.0


def main() -> None:
    """Print where the connections are, and what it took."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    queue = sys.argv[2] if len(sys.argv) > 2 else "demo.pilots"
    with running_cluster(3) as nodes, herd_of(nodes[0], queue, count, processes=3) as herd:
        herd.all_connected(0.0, PATIENCE)
        before = connections(nodes)
        print(f"connections: {before}")
        lost = time.monotonic()
        nodes[1].kill()
        while sum(connections(nodes)) < count:
            assert time.monotonic() < lost + PATIENCE, "not all are back"
            time.sleep(1)
        print(f"without the second node: {connections(nodes)}")
        nodes[1].start()
        print(f"when it is there again: {connections(nodes)}")
        herd.all_settled(PATIENCE)
        account = herd.account()
        came = Return(account, lost, lost)
        print(f"all back {came.within(1.0):.0f} s after the loss, with {sum(came.each) / before[1]:.2f} attempts each")
        outcomes = ", ".join(f"{times} {outcome}" for outcome, times in account.settled.items())
        print(f"messages: {sum(account.fed)} sent, {outcomes}")


def connections(nodes: Sequence[Broker]) -> list[int]:
    """How many each node has."""
    return [int(node.eval("length(rabbit_networking:local_connections())")) if node.pid else 0 for node in nodes]


if __name__ == "__main__":
    main()
