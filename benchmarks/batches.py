"""Time lines sent one by one and in batches, ours beside ours: `make bench`. It prints; it does not judge.

Both go over TLS to the same broker, in turn and in one run; the ratios are taken pair by pair. The broker's processor
time is that of its Erlang process (/proc/PID/stat) from the start of the sender to its end.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from diracmq_cli import devbroker

BIN = Path(sys.executable).parent
LINES = 50_000
PAIRS = 3
QUEUE = "demo.jobs"
BATCH = ("--batch", "64k")


@dataclass(frozen=True)
class Run:
    """One sender: wall seconds, its processor seconds, the broker's."""

    wall: float
    cpu: float
    broker: float


class Batches:
    """Senders of the same lines, on one broker."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.env = {**os.environ, **devbroker.environment(directory, "user")}
        self.lines = directory / "lines"
        filler = "x" * 48
        with self.lines.open("w") as out:
            out.writelines(
                f"line {n:06d} of the payload's log, about a hundred octets {filler}\n" for n in range(LINES)
            )

    def run(self) -> None:
        """Print the table."""
        plain: list[Run] = []
        batched: list[Run] = []
        for index in range(PAIRS + 1):
            one, other = self.send(), self.send(*BATCH)
            if index:  # the first pair only warms up
                plain.append(one)
                batched.append(other)
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        print(f"{f'send -l, {LINES} lines; load {load}':<46} {'lines/s':>9} {'ours, CPU':>10} {'broker, CPU':>12}")
        for title, runs in (("one by one", plain), (" ".join(BATCH), batched)):
            wall, cpu, broker = (
                statistics.median(getattr(run, name) for run in runs) for name in ("wall", "cpu", "broker")
            )
            print(f"{title:<46} {LINES / wall:9.0f} {cpu:8.2f} s {broker:10.2f} s")
        for title, name in (("wall time", "wall"), ("our processor time", "cpu"), ("the broker's", "broker")):
            ratios = [getattr(b, name) / getattr(a, name) for a, b in zip(plain, batched, strict=True)]
            spread = f"({min(ratios):.3f} to {max(ratios):.3f})"
            print(f"batched / one by one, {title:<24} x {statistics.median(ratios):.3f} {spread}")

    def send(self, *flags: str) -> Run:
        """Send all lines, and leave the queue empty."""
        before, begin = self.broker_cpu(), time.perf_counter()
        with self.lines.open("rb") as source:
            process = subprocess.Popen([BIN / "dirac-mq-send", QUEUE, "-l", "-q", *flags], stdin=source, env=self.env)
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"dirac-mq-send ended with {process.returncode}")
        run = Run(wall, usage.ru_utime + usage.ru_stime, self.broker_cpu() - before)
        drain = [BIN / "dirac-mq-consume", QUEUE, "--drain", "-q", "-F", ""]
        subprocess.run(drain, env=self.env, check=True, stdout=subprocess.DEVNULL)
        return run

    def broker_cpu(self) -> float:
        """Processor seconds that the broker has used so far."""
        pid = devbroker.status(self.directory).nodes[0].pid
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Bring up a broker, run every pair, take the broker down."""
    directory = Path(tempfile.mkdtemp(prefix="dirac-mq-bench-"))
    try:
        devbroker.up(directory)
        Batches(directory).run()
    finally:
        devbroker.down(directory, purge=True)


if __name__ == "__main__":
    main()
