"""A part of a herd, in a process of its own: many senders, each the whole operation of ``dirac-mq send -l``.

Run as a program by ``support.herd``: a line of JSON in, a line of JSON out.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from diracmq_cli.api.sender import Ended, Sender
from diracmq_cli.core.ids import RANDOM_OCTETS, uuid7
from diracmq_cli.core.message import Message, Outcome, Properties
from diracmq_cli.core.model import BrokerService
from diracmq_cli.core.ports import Session
from diracmq_cli.errors import MQError
from diracmq_cli.wiring.sendoptions import Framing, SendOptions
from diracmq_cli.wiring.setup import Choices, Setup

AT_ONCE = 4
"""Clients of one pack that log in for the first time side by side: a first login that fails is not tried again."""

TICK = 0.1


@dataclass(slots=True)
class Client:
    """A sender, and what is known of it. ``attempts`` are (began, ended, failure or "") by the monotonic clock."""

    sender: Sender
    next: float
    attempts: list[tuple[float, float, str]]
    fed: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    end: str | None = None

    @property
    def connected_at(self) -> float:
        """When it got its latest connection; 0 before the first."""
        return max((ended for _, ended, failure in self.attempts if not failure), default=0.0)


class CountingSetup(Setup):
    """A setup that notes each attempt to log in."""

    def __init__(self, choices: Choices, attempts: list[tuple[float, float, str]]) -> None:
        super().__init__(choices)
        self._attempts = attempts

    def open(
        self, service: BrokerService, *, timeout: float, whole: float | None = None, wake_fd: int | None = None
    ) -> Session:
        began = time.monotonic()
        try:
            session = super().open(service, timeout=timeout, whole=whole, wake_fd=wake_fd)
        except MQError as error:
            self._attempts.append((began, time.monotonic(), f"{type(error).__name__}: {error}"))
            raise
        self._attempts.append((began, time.monotonic(), ""))
        return session


class Pack:
    """Clients ``first`` to ``first + count``, each of which sends a numbered message every ``period`` seconds."""

    def __init__(self, *, first: int, count: int, period: float, queue: str, outage: float) -> None:
        self._first, self._count, self._period = first, count, period
        self._options = SendOptions(destination=queue, framing=Framing.LINES, outage=outage)
        self._choices = Choices(environment=dict(os.environ))
        self._clients: list[Client] = []
        self._feeding = True

    def turn(self) -> None:
        """Begin clients, feed those that are due, take what was answered."""
        fresh = sum(not client.attempts for client in self._clients)
        while len(self._clients) < self._count and fresh < AT_ONCE:
            self._clients.append(self._begin())
            fresh += 1
        now = time.monotonic()
        for number, client in enumerate(self._clients, self._first):
            while client.attempts and self._feeding and client.next <= now:
                client.next += self._period
                client.sender.send(self._message(f"{number} {client.fed}"))
                client.fed += 1
            self._take(client)

    def state(self, since: float) -> dict[str, Any]:
        """How many got a connection since then, and how far the messages are."""
        return {
            "connected": sum(client.connected_at > since for client in self._clients),
            "ended": [client.end for client in self._clients if client.end is not None],
            "fed": sum(client.fed for client in self._clients),
            "settled": sum(sum(client.settled.values()) for client in self._clients),
        }

    def pause(self) -> None:
        """Feed no more."""
        self._feeding = False

    def report(self) -> list[dict[str, Any]]:
        """Everything, client by client."""
        return [
            {"attempts": client.attempts, "fed": client.fed, "settled": client.settled, "end": client.end}
            for client in self._clients
        ]

    def close(self) -> None:
        """End all clients."""
        for client in self._clients:
            client.sender.stop()
        for client in self._clients:
            client.sender.close()

    def _begin(self) -> Client:
        attempts: list[tuple[float, float, str]] = []
        setup = CountingSetup(self._choices, attempts)
        sender = Sender(setup, setup.target(self._options.destination), self._options)
        place = len(self._clients) / self._count  # so that they do not all send in one moment
        return Client(sender, time.monotonic() + place * self._period, attempts)

    @staticmethod
    def _message(text: str) -> Message:
        message_id = uuid7(int(time.time() * 1000), os.urandom(RANDOM_OCTETS))
        return Message(body=text.encode(), properties=Properties(message_id=message_id))

    @staticmethod
    def _take(client: Client) -> None:
        while client.end is None and (answer := client.sender.answer(wait=False)) is not None:
            if isinstance(answer, Ended):
                client.end = f"{type(answer.error).__name__}: {answer.error}"
            elif answer.outcome is not Outcome.UNKNOWN:
                client.settled[answer.outcome.value] = client.settled.get(answer.outcome.value, 0) + 1


def main() -> None:
    """Serve one line after the other, until the input ends."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    pack = Pack(**json.loads(sys.stdin.readline()))
    lines: SimpleQueue[str | None] = SimpleQueue()
    threading.Thread(target=_read, args=(lines,), daemon=True).start()
    while True:
        pack.turn()
        with suppress(Empty):
            line = lines.get(timeout=TICK)
            if line is None:
                break
            verb, *arguments = json.loads(line)
            sys.stdout.write(json.dumps(getattr(pack, verb)(*arguments)) + "\n")
            sys.stdout.flush()
    pack.close()


def _read(lines: SimpleQueue[str | None]) -> None:
    for line in sys.stdin:
        lines.put(line)
    lines.put(None)


if __name__ == "__main__":
    main()
