"""When a herd comes back to its brokers, by sums: the pauses are the program's own, a login takes what is said.

Nothing is connected here. Each client waits as ``dirac-mq send -l`` does; each node takes so many logins a second, one
after the other. A login that would have to wait for longer than a client does fails in truth, and costs the node its
work all the same: such a plan does not hold.

    python benchmarks/herdplan.py [CLIENTS [NODES [LOGINS A SECOND ...]]]
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from diracmq_cli.operations.redial import DIAL_TIMEOUT, Backoff
from diracmq_cli.wiring.sendoptions import OUTAGE_OF_MANY

DOWN = (10.0, 60.0)
"""Seconds that the brokers are away."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Attempts for each client, the most in one second that a node sees, seconds until 95 % and all are connected, and
    the longest wait for a login."""

    attempts: float
    peak: int
    most: float
    everyone: float
    longest: float


def main() -> None:
    """Print a table."""
    words = sys.argv[1:]
    clients = int(words[0]) if words else 100_000
    nodes = int(words[1]) if len(words) > 1 else 3
    rates = [float(word) for word in words[2:]] or [200.0, 400.0, 600.0, 800.0]
    print(f"{clients} clients, {nodes} nodes, all away at once; for each node:")
    print("  down, s  logins/s  attempts each  most attempts/s  95 %, s  all, s  longest wait, s")
    for down in DOWN:
        for rate in rates:
            plan = plan_of(clients // nodes, down, rate)
            holds = "" if plan.longest < DIAL_TIMEOUT else "  does not hold"
            print(f"  {down:>7.0f}  {rate:>8.0f}  {plan.attempts:>13.2f}  {plan.peak:>15}", end="")
            print(f"  {plan.most:>7.0f}  {plan.everyone:>6.0f}  {plan.longest:>15.0f}{holds}")


def plan_of(clients: int, down: float, rate: float) -> Plan:
    """What comes of it at one node."""
    tries = [list(attempts(down)) for _ in range(clients)]
    arrivals = sorted(each[-1] - down for each in tries)
    free, served, longest = 0.0, [], 0.0
    for arrival in arrivals:
        free = max(free, arrival) + 1 / rate
        served.append(free)
        longest = max(longest, free - arrival)
    return Plan(
        attempts=sum(map(len, tries)) / clients,
        peak=max(Counter(int(arrival) for arrival in arrivals).values()),
        most=served[round(0.95 * clients) - 1],
        everyone=served[-1],
        longest=longest,
    )


def attempts(down: float) -> Iterator[float]:
    """Seconds after the loss at which one client tries: the last is the first that finds a broker."""
    backoff = Backoff(OUTAGE_OF_MANY, random.random)
    moment = backoff.next()
    yield moment
    while moment < down:
        moment += min(backoff.next(), OUTAGE_OF_MANY / 3)
        yield moment


if __name__ == "__main__":
    main()
