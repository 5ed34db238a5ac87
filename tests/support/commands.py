"""The commands as people run them, and what they left behind as other clients see it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pika
from support.broker import SCRIPTS, Broker, Completed


def rows(done: Completed) -> list[dict[str, Any]]:
    """The JSON objects of a command's standard output, one a line."""
    return [json.loads(line) for line in done.raw.splitlines()]


def bodies(done: Completed) -> list[str]:
    """The bodies in the envelopes of a command's standard output."""
    return [row["body"] for row in rows(done)]


def publish(
    broker: Broker, queue: str, *texts: bytes | str, role: str = "user", key: str = "", **properties: Any
) -> None:
    """Publish to a queue's exchange by an independent client, without a stamp unless ``properties`` have one."""
    with broker.channel(role) as channel:
        for text in texts:
            body = text.encode() if isinstance(text, str) else text
            channel.basic_publish(f"{queue}.x", key, body, pika.BasicProperties(delivery_mode=2, **properties))


def take(broker: Broker, queue: str, role: str = "user") -> list[tuple[Any, Any, bytes]]:
    """Take everything that is ready, by an independent client: (get-ok, properties, body) each."""
    with broker.channel(role) as channel:
        return list(iter(lambda: _get(channel, queue), None))


def _get(channel: Any, queue: str) -> tuple[Any, Any, bytes] | None:
    method, properties, body = channel.basic_get(queue, auto_ack=True)
    return None if method is None else (method, properties, body)


class Running:
    """A command that runs in the background; standard error is kept in a file, so that it can never block."""

    def __init__(self, process: subprocess.Popen[bytes], stderr: Path) -> None:
        self.process = process
        self._stderr = stderr

    @property
    def stderr(self) -> str:
        """What it has said so far."""
        return self._stderr.read_text(errors="backslashreplace")

    def says(self, text: str, timeout: float = 20) -> None:
        """Wait until it says ``text`` on standard error."""
        self._until(lambda: text in self.stderr, f"it did not say {text!r}", timeout)

    def shows(self, text: bytes, timeout: float = 20) -> bytes:
        """Read standard output until ``text`` has come."""
        assert self.process.stdout is not None
        seen = b""
        deadline = time.monotonic() + timeout
        os.set_blocking(self.process.stdout.fileno(), False)
        while text not in seen:
            assert time.monotonic() < deadline, f"it did not show {text!r} but {seen!r}; {self.stderr}"
            seen += self.process.stdout.read() or b""
            time.sleep(0.02)
        os.set_blocking(self.process.stdout.fileno(), True)
        return seen

    def feed(self, octets: bytes) -> None:
        """Give it something on standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, timeout: float = 20) -> Completed:
        """Close its standard input, and wait for its end."""
        stdout, _ = self.process.communicate(timeout=timeout)
        return Completed(self.process.returncode, stdout.decode(errors="backslashreplace"), self.stderr, stdout)

    def _until(self, condition: Any, complaint: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{complaint}; {self.stderr}"
            assert self.process.poll() is None, f"{complaint} and ended with {self.process.returncode}; {self.stderr}"
            time.sleep(0.02)


@contextmanager
def running(broker: Broker, argv: Sequence[str], role: str = "user", **environment: str) -> Iterator[Running]:
    """Start a command with pipes to and from it; it is killed at the end if it is still there."""
    with tempfile.NamedTemporaryFile() as stderr:
        process = subprocess.Popen(
            [str(SCRIPTS / argv[0]), *argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=broker.env(role, **environment),
            cwd=broker.home,
        )
        try:
            yield Running(process, Path(stderr.name))
        finally:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with suppress(BrokenPipeError):  # what it did not read
                        stream.close()


def shell(broker: Broker, script: str, role: str = "user", timeout: float = 60) -> Completed:
    """Run a bash script with the commands on its PATH."""
    return broker.command(["bash", "-c", script], role, timeout=timeout)


_REPEAT = """
import os, sys
from diracmq_cli.cli import {verb} as run
import diracmq_cli.broker, diracmq_cli.cli.apps, diracmq_cli.cli.{verb}, diracmq_cli.config, diracmq_cli.credentials
import M2Crypto.X509, diracmq_cli.wiring.console, diracmq_cli.wiring.{module}
for _ in range(int(sys.argv.pop(1))):
    child = os.fork()
    if not child:
        try:
            run()
        except SystemExit as end:
            os._exit(end.code or 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), file=sys.stderr, flush=True)
"""


def repeated(broker: Broker, times: int, verb: str, module: str, *argv: str, timeout: float = 120) -> Completed:
    """Run one command many times, one after the other, in processes of their own.

    They are forked from one interpreter that has imported everything, for most of a run is its start. Each one's exit
    status is a line of standard error.
    """
    script = _REPEAT.format(verb=verb, module=module)
    return broker.command([sys.executable, "-c", script, str(times), *argv], timeout=timeout)
