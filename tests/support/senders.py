"""Senders that are fed while things go wrong, and what reached the queue and the spool in the end."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.broker import SCRIPTS, Broker
from support.spool import open_spool, waiting

ALARM = "{{resource_limit, memory, node()}, []}"
CLOSED = "/Resources/MQServices/dev/Port=1"
"""Where nobody listens."""


class Sender:
    """``dirac-mq-send -l -j`` with its input fed by a thread and its receipts read by another."""

    def __init__(self, broker: Broker, argv: Sequence[str], directory: Path, **environment: str) -> None:
        self._err = directory / f"stderr-{time.monotonic_ns()}"
        with self._err.open("wb") as stderr:
            self.process = subprocess.Popen(
                [str(SCRIPTS / "dirac-mq-send"), *argv, "-l", "-j"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=broker.env(**environment),
                cwd=broker.home,
            )
        self.receipts: list[dict[str, str]] = []
        self.fed = 0
        """Lines that have gone into the pipe."""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._feeder: threading.Thread | None = None
        self._may_end = threading.Event()
        self._may_end.set()

    @property
    def stderr(self) -> str:
        return self._err.read_text(errors="backslashreplace")

    def feed(self, lines: Iterable[str], *, every: float = 0, at_once: int = 100) -> None:
        """Feed lines in the background, ``at_once`` of them and then a pause; the input ends after the last one.

        Within ``held_open`` the last ones are kept back until that is left.
        """
        self._feeder = threading.Thread(target=self._feed, args=(list(lines), every, at_once))
        self._feeder.start()

    @contextmanager
    def held_open(self) -> Iterator[None]:
        """Something happens while the input has not ended."""
        self._may_end.clear()
        try:
            yield
        finally:
            self._may_end.set()

    def fed_within(self, seconds: float) -> bool:
        """Whether the input has been taken to its end by then."""
        assert self._feeder is not None
        self._feeder.join(seconds)
        return not self._feeder.is_alive()

    def wait(self, timeout: float = 60) -> int:
        """Its exit status; the receipts are complete then."""
        status = self.process.wait(timeout)
        self._reader.join()
        if self._feeder is not None:
            self._feeder.join()
        return status

    def outcomes(self, *outcomes: str) -> set[str]:
        """The ids of messages that have had one of these outcomes."""
        return {receipt["message_id"] for receipt in self.receipts if receipt["outcome"] in outcomes}

    def until(self, count: int, timeout: float = 30) -> None:
        """Wait for so many receipts."""
        deadline = time.monotonic() + timeout
        while len(self.receipts) < count:
            assert time.monotonic() < deadline, f"{len(self.receipts)} receipts, not {count}; {self.stderr}"
            assert self.process.poll() is None or len(self.receipts) >= count, self.stderr
            time.sleep(0.01)

    def says(self, text: str, timeout: float = 30) -> None:
        """Wait until it says so on standard error."""
        deadline = time.monotonic() + timeout
        while text not in self.stderr:
            assert time.monotonic() < deadline, f"it did not say {text!r}; {self.stderr}"
            time.sleep(0.02)

    def end(self) -> None:
        """Kill it if it is still there, and let go of its pipes."""
        self.process.kill()
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):
                self.receipts.append(json.loads(line))

    def _feed(self, lines: list[str], every: float, at_once: int) -> None:
        assert self.process.stdin is not None
        fd = self.process.stdin.fileno()
        try:
            for first in range(0, len(lines), at_once):
                piece = lines[first : first + at_once]
                if first + at_once >= len(lines):
                    self._may_end.wait()
                rest = memoryview("".join(f"{line}\n" for line in piece).encode())
                while rest:
                    rest = rest[os.write(fd, rest) :]
                self.fed += len(piece)
                if every:
                    time.sleep(every)
        except BrokenPipeError:
            pass
        finally:
            self.process.stdin.close()


@contextmanager
def sender(broker: Broker, argv: Sequence[str], directory: Path, **environment: str) -> Iterator[Sender]:
    """A sender, killed at the end if it is still there."""
    one = Sender(broker, argv, directory, **environment)
    try:
        yield one
    finally:
        one.end()


def chance(seed: int | None = None) -> random.Random:
    """Random numbers whose seed a failed test shows."""
    seed = random.randrange(1 << 32) if seed is None else seed
    sys.stderr.write(f"seed {seed}\n")
    return random.Random(seed)


def drained(broker: Broker, queue: str) -> list[tuple[str, str]]:
    """(id, body) of everything in a queue, which is emptied, by an independent client."""
    got: list[tuple[str, str]] = []
    with broker.channel() as channel:
        while count := channel.queue_declare(queue, passive=True).method.message_count:
            for _, properties, body in channel.consume(queue, auto_ack=True):
                got.append((properties.message_id, body.decode()))
                count -= 1
                if not count:
                    break
            channel.cancel()
    return got


def kept(path: Path) -> list[tuple[str, str]]:
    """(id, body) of everything that waits in a spool, in its order."""
    if not path.exists():
        return []
    spool = open_spool(path)
    try:
        return [(str(message.properties.message_id), message.body.decode()) for message in waiting(spool)]
    finally:
        spool.close()


def first_arrivals(got: Sequence[tuple[str, str]]) -> list[str]:
    """The bodies in the order in which each came first; a repeat is one by its id."""
    return list(dict(got).values())


def ids_of(got: Sequence[tuple[str, str]]) -> set[str]:
    return {message_id for message_id, _ in got}


@contextmanager
def blocked(broker: Broker) -> Iterator[None]:
    """The broker blocks publishers: it believes that its memory is used up."""
    broker.eval(f"rabbit_alarm:set_alarm({ALARM})")
    try:
        yield
    finally:
        unblock(broker)


def unblock(broker: Broker) -> None:
    broker.eval("rabbit_alarm:clear_alarm({resource_limit, memory, node()})")


@contextmanager
def tiny_disk(path: Path, size: str = "256k") -> Iterator[Path]:
    """A file system of so many octets, which only root can make."""
    path.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
