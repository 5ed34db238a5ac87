"""Time our commands beside named peers, in turn and in one run: `make bench`. It prints; it does not judge.

Each row is a pair of whole processes against the same broker over TLS: A ours, B the peer, run A B A B …; the ratio is
taken pair by pair, so that it holds when the machine's speed drifts. Peak memory is the kernel's (wait4(2)), never
less than the 25 MB of this program, which a child has before exec(2).
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from diracmq_cli import devbroker

BIN = Path(sys.executable).parent
LINES = 50_000
HANDLED = 2_000
"""Messages for the pair that starts a command for each: amqp-consume knows nothing else."""

QUEUES = 200
"""Queues that are added to the devbroker's for ``list``, whose aim is half a second."""

PAIRS, SHORT_PAIRS = 3, 10
"""How often each pair is run: of short commands more often, since the machine's noise is more to them."""

HEADINGS = (
    f"{'':<44} {'ours':>10} {'peer':>10}   {'ratio of wall time, pair by pair':<33}"
    f"{'processor time':>21}   {'peak memory':>17}"
)
"""What stands above the rows of ``pair``."""


@dataclass(frozen=True)
class Run:
    """One finished process: wall seconds, processor seconds, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def measure(argv: Sequence[str], env: dict[str, str], stdin: Path | None = None) -> Run:
    """Run a command to its end; it must succeed."""
    source = stdin.open("rb") if stdin else subprocess.DEVNULL
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(argv, env=env, stdin=source, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            sys.exit(f"{argv[0]} ended with {process.returncode}: {errors.read().decode()}")
    return Run(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def pair(
    title: str,
    ours: Callable[[], Run],
    peer: Callable[[], Run],
    before: Callable[[], None] = lambda: None,
    pairs: int = PAIRS,
) -> None:
    """Run both in turn and print medians and the median ratio."""
    a: list[Run] = []
    b: list[Run] = []
    for index in range(pairs + 1):
        before()
        first = ours()
        before()
        second = peer()
        if index:  # the first pair only warms up
            a.append(first)
            b.append(second)
    ratios = sorted(x.wall / y.wall for x, y in zip(a, b, strict=True))
    print(
        f"{title:<44} {median(a, 'wall'):8.3f} s {median(b, 'wall'):8.3f} s"
        f"   x {statistics.median(ratios):6.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        f"   {median(a, 'cpu'):7.3f} s {median(b, 'cpu'):7.3f} s"
        f"   {median(a, 'memory'):5.0f} MB {median(b, 'memory'):5.0f} MB",
        flush=True,
    )


def median(runs: Sequence[Run], field: str) -> float:
    """The median of one figure."""
    return statistics.median(getattr(run, field) for run in runs)


def main() -> None:
    """Bring up a broker, run every pair, take the broker down."""
    for tool in ("amqp-publish", "amqp-consume"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: apt-get install amqp-tools")
    directory = Path(tempfile.mkdtemp(prefix="dirac-mq-bench-"))
    try:
        devbroker.up(directory)
        add_queues(directory)
        devbroker.down(directory)
        state = devbroker.start(directory)
        Bench(directory, state.amqps[0]).run()
    finally:
        devbroker.down(directory, purge=True)


_QUEUE = """\
        bench.q{:03d}
        {{
          Type = classic
          Consumers = group:dirac_user
        }}
"""


def add_queues(directory: Path) -> None:
    """Name more queues in the CS; the devbroker has them after its next start."""
    cfg = directory / "dirac.cfg"
    more = "".join(_QUEUE.format(n) for n in range(QUEUES))
    head, begin, rest = cfg.read_text().partition("      Queues\n      {\n")
    cfg.write_text(head + begin + more + rest)


class Bench:
    """The pairs, on one broker."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory, self.port = directory, port
        self.env = {**os.environ, **devbroker.environment(directory, "user")}
        self.server_env = {
            **self.env,
            "DIRAC_MQ_CFG": str(directory / "server.cfg"),
            "DIRAC_X509_HOST_CERT": str(directory / "pki/hostcert.pem"),
            "DIRAC_X509_HOST_KEY": str(directory / "pki/hostkey.pem"),
        }
        self.lines = directory / "lines"
        filler = "x" * 48
        with self.lines.open("w") as out:
            out.writelines(
                f"line {n:06d} of the payload's log, about a hundred octets {filler}\n" for n in range(LINES)
            )

    def run(self) -> None:
        """Print the table."""
        print(HEADINGS)
        self.start_up()
        queue = "demo.metrics"
        send = [str(BIN / "dirac-mq-send"), queue]
        consume = [str(BIN / "dirac-mq-consume"), queue, "-q"]
        pair(
            "send one message / amqp-publish",
            lambda: measure([*send, "-m", "hello"], self.server_env),
            lambda: measure([*self.peer("amqp-publish"), "-e", f"{queue}.x", "-b", "hello"], self.env),
            self.empty,
        )
        pair(
            f"send -l {LINES} lines / amqp-publish -l",
            lambda: measure([*send, "-l", "-q"], self.server_env, self.lines),
            lambda: measure([*self.peer("amqp-publish"), "-p", "-e", f"{queue}.x", "-l"], self.env, self.lines),
            self.empty,
        )
        handled = str(HANDLED)
        pair(
            f"consume -n {HANDLED} -- cat / amqp-consume cat",
            lambda: measure([*consume, "-n", handled, "--", "cat"], self.server_env),
            lambda: measure([*self.peer("amqp-consume"), "-q", queue, "-c", handled, "cat"], self.env),
            self.fill,
        )
        pair(
            f"consume -n {HANDLED} -j / amqp-consume cat",
            lambda: measure([*consume, "-n", handled, "-j"], self.server_env),
            lambda: measure([*self.peer("amqp-consume"), "-q", queue, "-c", handled, "cat"], self.env),
            self.fill,
        )

    def start_up(self) -> None:
        """Short commands beside what Python itself takes, and the libraries that they stand on."""
        python = [sys.executable, "-c"]
        bare, libraries = [*python, "pass"], [*python, "import typer, pika"]
        usage = [str(BIN / "dirac-mq-send"), "--help"]
        for title, ours, peer in (
            ("send --help / python -c pass", usage, bare),
            ("send --help / import typer, pika", usage, libraries),
            ("send one message / import typer, pika", [usage[0], "demo.jobs", "-m", "hello"], libraries),
            (f"list {QUEUES} queues / import typer, pika", [str(BIN / "dirac-mq-list"), "bench.*"], libraries),
        ):
            pair(title, partial(measure, ours, self.env), partial(measure, peer, self.env), pairs=SHORT_PAIRS)

    def peer(self, tool: str) -> list[str]:
        """A peer's command line: TLS with the host certificate, user and password, since it knows no EXTERNAL."""
        pki = self.directory / "pki"
        url = f"amqps://monitor:{self.password()}@localhost:{self.port}/dirac"
        authority = next((pki / "certificates").glob("*.0"))
        return [
            tool, "--url", url, "--cacert", str(authority),
            "--cert", str(pki / "hostcert.pem"), "--key", str(pki / "hostkey.pem"),
        ]  # fmt: skip

    def password(self) -> str:
        """The server login's password, from the CFG that only we can read."""
        text = (self.directory / "server.cfg").read_text()
        return text.partition("Password =")[2].split()[0]

    def empty(self) -> None:
        """Leave the queue empty."""
        drain = [BIN / "dirac-mq-consume", "demo.metrics", "--drain", "-j", "-q"]
        subprocess.run(drain, env=self.server_env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)

    def fill(self) -> None:
        """Leave exactly the lines in the queue."""
        self.empty()
        measure([str(BIN / "dirac-mq-send"), "demo.metrics", "-l", "-q"], self.server_env, self.lines)


if __name__ == "__main__":
    main()
