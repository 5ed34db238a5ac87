"""A herd of senders through a restart of their broker: attempts, time until they are back, logins a second, losses.

Each client is the whole operation of ``dirac-mq send -l`` with its default ``--outage``, over TLS with a grid proxy; a
few processes drive them all. They share the machine's processors with the broker and cost more of it than the broker
does, so the times tell the pauses that clients make, and are an upper bound for a broker that has its own machine.

    python benchmarks/herd.py [CLIENTS [SECONDS DOWN ...]]
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.broker import Broker, running_broker
from support.herd import Herd, Return, herd_of
from support.senders import drained

TICK = os.sysconf("SC_CLK_TCK")
QUEUE = "demo.jobs"
"""A queue that the broker has, with everybody's rights, from the moment in which it listens."""

PERIOD = 5.0
"""Seconds between two messages of a client."""

STEADY = 30.0
"""Seconds that the whole herd sends without trouble, to see what that costs."""

PATIENCE = 600.0


@dataclass(slots=True)
class Watch:
    """What a process has used, looked at twice a second, and since when its port is open.

    The devbroker opens that for a moment before, to see whether it is free.
    """

    port: int
    samples: list[tuple[float, float, int]] = field(default_factory=list)
    opened: float | None = None
    pid: int | None = None
    over: bool = False

    def run(self) -> None:
        """Look until it is over."""
        while not self.over:
            if not listens(self.port):
                self.opened = None
            elif self.opened is None:
                self.opened = time.monotonic()
            if self.pid is not None:
                self.samples.append((time.monotonic(), cpu(self.pid), resident(self.pid)))
            time.sleep(0.05 if self.opened is None else 0.5)


def main() -> None:
    """Print a table for each time that the broker is down."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    downs = [float(each) for each in sys.argv[2:]] or [0.0, 20.0]
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit, 65536), limit))
    for down in downs:
        with running_broker() as broker:
            alone = resident(pid_of(broker))
            with herd_of(broker, QUEUE, count, processes=4, period=PERIOD) as herd:
                run(broker, herd, down, alone)


def run(broker: Broker, herd: Herd, down: float, alone: int) -> None:
    """One restart."""
    began = time.monotonic()
    herd.all_connected(0.0, PATIENCE)
    show(f"{herd.count} clients, all connected for the first time after", time.monotonic() - began, "s")
    show("memory of the broker for each connection", (resident(pid_of(broker)) - alone) / herd.count / 1000, "kB")
    held = sum(resident(process.pid) for process in herd.processes)
    show("memory of the clients' processes for each client", held / herd.count / 1000, "kB")
    steady(broker, herd)
    lost = time.monotonic()
    broker.kill()
    time.sleep(down)
    watch = Watch(broker.port)
    thread = threading.Thread(target=watch.run)
    thread.start()
    try:
        broker.start()
        watch.pid = pid_of(broker)
        herd.all_connected(lost, PATIENCE)
        herd.all_settled(PATIENCE)
    finally:
        watch.over = True
        thread.join()
    account = herd.account()
    assert watch.opened is not None
    tell(Return(account, lost, watch.opened), watch)
    arrived = drained(broker, QUEUE)
    missing = account.bodies - {body for _, body in arrived}
    print(f"  messages: {len(account.bodies)} sent, {len(missing)} lost, ", end="")
    print(f"{len(arrived) - len({body for _, body in arrived})} came twice; clients that gave up: {len(account.ends)}")
    print(f"  load average at the end: {os.getloadavg()[0]:.1f}", flush=True)


def steady(broker: Broker, herd: Herd) -> None:
    """What the broker uses while nothing happens but messages."""
    before, sent = cpu(pid_of(broker)), settled(herd)
    time.sleep(STEADY)
    used, sent = cpu(pid_of(broker)) - before, settled(herd) - sent
    show("messages a second, confirmed one by one", sent / STEADY, "")
    show("the broker's processor time for each", used / max(1, sent) * 1000, "ms")


def settled(herd: Herd) -> int:
    """Messages with a receipt so far."""
    return sum(int(state["settled"]) for state in herd.ask("state", 0.0))


def tell(came: Return, watch: Watch) -> None:
    """The figures of a return."""
    each = came.each
    show("broker listens again after", came.back - came.lost, "s after SIGKILL")
    for part in (0.5, 0.95, 1.0):
        show(f"{part:.0%} connected", came.within(part), "s after that")
    show("attempts for each client, mean", sum(each) / len(each), f"(at most {max(each)})")
    show("most logins in one second", came.peak, "")
    print("  attempts that failed: " + (", ".join(f"{n} {why}" for why, n in came.failures.most_common()) or "none"))
    late = Counter(each.failure for each in came.attempts if each.failure and each.began >= came.back)
    for reason, times in late.most_common(3):
        print(f"    {times} after it listened: {reason}")
    print(f"  connected and lost once more: {came.repeated}")
    until = came.back + came.within(1.0)
    samples = [sample for sample in watch.samples if sample[0] <= until] or watch.samples[:1]
    show("the broker's processor time until then", samples[-1][1] - samples[0][1], "s")
    show("most of it in one second", busiest(samples), "s")
    show("the broker's memory, at most", max(size for _, _, size in watch.samples) / 1e6, "MB")


def busiest(samples: list[tuple[float, float, int]]) -> float:
    """The most processor time a second between two looks."""
    return max(((late[1] - early[1]) / (late[0] - early[0]) for early, late in pairwise(samples)), default=0.0)


def show(what: str, value: float, unit: str) -> None:
    """One figure."""
    print(f"  {what:<52} {value:>8.{2 if value < 10 else 0}f} {unit}", flush=True)


def listens(port: int) -> bool:
    """Whether somebody listens there."""
    return any(
        fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
    )


def pid_of(broker: Broker) -> int:
    """The running node."""
    assert broker.pid is not None
    return broker.pid


def cpu(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident(pid: int) -> int:
    """Octets of memory that a process holds."""
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
