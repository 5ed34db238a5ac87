"""Thousands of senders through a restart of their broker, driven from a few processes, and what they went through."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from support import pack
from support.broker import Broker


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to log in: when it began and ended (monotonic clock), and why it failed ("" when it did not)."""

    client: int
    began: float
    ended: float
    failure: str


@dataclass(frozen=True, slots=True)
class Account:
    """What the clients say in the end: attempts, messages fed to each, how many had which outcome, who has given up."""

    attempts: tuple[Attempt, ...]
    fed: tuple[int, ...]
    settled: Counter[str]
    ends: tuple[str, ...]

    @property
    def bodies(self) -> set[str]:
        """Every message that was handed to a client."""
        return {f"{client} {number}" for client, fed in enumerate(self.fed) for number in range(fed)}


@dataclass(frozen=True, slots=True)
class Return:
    """How a herd came back after ``lost``, to a broker that listened again at ``back`` (monotonic clock)."""

    account: Account
    lost: float
    back: float

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Those that began after the loss."""
        return tuple(attempt for attempt in self.account.attempts if attempt.began >= self.lost)

    @property
    def each(self) -> list[int]:
        """How many attempts each client made."""
        made = Counter(attempt.client for attempt in self.attempts)
        return [made[client] for client in range(len(self.account.fed))]

    @property
    def failures(self) -> Counter[str]:
        """Attempts that failed, by error class, and whether the broker listened when they began."""
        return Counter(
            f"{attempt.failure.partition(':')[0]} {'before' if attempt.began < self.back else 'after'}"
            for attempt in self.attempts
            if attempt.failure
        )

    @property
    def waits(self) -> list[float]:
        """Seconds from ``back`` until each client had a connection, in order."""
        first: dict[int, float] = {}
        for attempt in self.attempts:
            if not attempt.failure:
                first[attempt.client] = min(attempt.ended, first.get(attempt.client, attempt.ended))
        return sorted(ended - self.back for ended in first.values())

    def within(self, part: float) -> float:
        """Seconds until that part of the herd was connected."""
        waits = self.waits
        return waits[max(0, round(part * len(waits)) - 1)]

    @property
    def peak(self) -> int:
        """The most logins that ended well in one second."""
        return max(Counter(int(wait) for wait in self.waits).values())

    @property
    def repeated(self) -> int:
        """Connections beyond one for each client: they were lost once more."""
        return sum(not attempt.failure for attempt in self.attempts) - len(self.waits)


class Herd:
    """Senders in some processes, which are told what to do by lines of JSON."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]], count: int) -> None:
        self.processes, self.count = processes, count

    def ask(self, verb: str, *arguments: object) -> list[Any]:
        """Have every process answer."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.write(json.dumps([verb, *arguments]) + "\n")
            process.stdin.flush()
        return [json.loads(_line(process)) for process in self.processes]

    def all_connected(self, since: float, timeout: float) -> None:
        """Wait until every client has got a connection since then."""

        def behind() -> int:
            states = self.ask("state", since)
            ended = [end for state in states for end in state["ended"]]
            assert not ended, f"{len(ended)} clients have given up: {ended[:3]}"
            return self.count - sum(int(state["connected"]) for state in states)

        _until_none(behind, "clients are not connected", timeout)

    def all_settled(self, timeout: float) -> None:
        """Feed no more, and wait until the fate of each message is known."""
        self.ask("pause")

        def open_ones() -> int:
            return sum(int(state["fed"]) - int(state["settled"]) for state in self.ask("state", 0.0))

        _until_none(open_ones, "messages have no receipt", timeout)

    def account(self) -> Account:
        """What all clients say."""
        reports = [client for part in self.ask("report") for client in part]
        return Account(
            attempts=tuple(
                Attempt(number, *attempt) for number, client in enumerate(reports) for attempt in client["attempts"]
            ),
            fed=tuple(client["fed"] for client in reports),
            settled=sum((Counter(client["settled"]) for client in reports), Counter()),
            ends=tuple(client["end"] for client in reports if client["end"] is not None),
        )


@contextmanager
def herd_of(
    broker: Broker, queue: str, count: int, *, processes: int = 2, period: float = 5, outage: float = 300
) -> Iterator[Herd]:
    """So many clients, each of which sends a message every ``period`` seconds; they have ended afterwards."""
    first = [count * number // processes for number in range(processes + 1)]
    running: list[subprocess.Popen[str]] = []
    try:
        for begin, end in pairwise(first):
            process = subprocess.Popen(
                [sys.executable, pack.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=broker.env(PYTHONPATH=str(Path(__file__).parents[1])),
                cwd=broker.home,
            )
            running.append(process)
            assert process.stdin is not None
            terms = {"first": begin, "count": end - begin, "period": period, "outage": outage}
            process.stdin.write(json.dumps({**terms, "queue": queue}) + "\n")
            process.stdin.flush()
        yield Herd(running, count)
        for process in running:
            assert process.stdin is not None
            process.stdin.close()
        for process in running:
            assert process.wait(120) == 0
    finally:
        for process in running:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 60)[0], "a part of the herd says nothing"
    line = process.stdout.readline()
    assert line, f"a part of the herd has ended with {process.wait()}"
    return line


def _until_none(left: Callable[[], int], complaint: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while count := left():
        assert time.monotonic() < deadline, f"{count} {complaint}"
        time.sleep(0.25)
