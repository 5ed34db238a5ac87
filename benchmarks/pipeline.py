"""Time a payload before a tee, with a sender behind that and without one: `make bench`. It prints; it does not judge.

    payload 2>&1 | tee >(dirac-mq-send demo.jobs -l --batch 64k --spool)

Four cases: the broker is well, blocks publishers, is not there, and is not there while the disk of the spool is full.
In each the two run in turn, and the ratio is taken pair by pair. What is timed ends when payload and tee have ended;
the sender's end is waited for afterwards, outside the time.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from diracmq_cli import devbroker
from diracmq_cli.admin.installation import find_rabbitmq
from diracmq_cli.devbroker.account import broker_account
from diracmq_cli.devbroker.control import evaluate
from diracmq_cli.devbroker.node import Node

BIN = Path(sys.executable).parent
PAIRS = 5
PAYLOAD = "for i in $(seq 40); do seq 2000; sleep 0.05; done"
"""80,000 lines in at least two seconds, in bursts, as a payload's log comes."""

CLOSED = "-o /Resources/MQServices/dev/Port=1"
ALARM = "{resource_limit, memory, node()}"


class Pipelines:
    """The payload, alone and before a tee, on one broker."""

    def __init__(self, directory: Path, scratch: Path) -> None:
        self.directory, self.scratch = directory, scratch
        path = os.pathsep.join([str(BIN), "/usr/local/bin", "/usr/bin", "/bin"])
        self.env = {**os.environ, **devbroker.environment(directory, "user"), "PATH": path}
        self.node = Node(devbroker.Layout(directory), find_rabbitmq(), broker_account())

    def run(self) -> None:
        """Print the table."""
        self.pair("the broker is well", "")
        with self.blocked():
            self.pair("the broker blocks publishers", "--outage 2s")
        self.pair("there is no broker", CLOSED)
        self.pair(f"there is none, and the disk is full ({full_disk()[1]})", CLOSED, full=True)

    def pair(self, title: str, flags: str, *, full: bool = False) -> None:
        """Run both in turn and print the ratios, and how the senders ended."""
        ratios, walls, ends = [], [], []
        for index in range(PAIRS + 1):
            alone, _ = self.measure(f"({PAYLOAD}) 2>&1 | tee >(cat >/dev/null) >/dev/null")
            beside, end = self.measure(self.beside(flags, full=full), wait=True)
            if index:  # the first pair only warms up
                ratios.append(beside / alone)
                walls.append((alone, beside))
                ends.append(end)
        without, with_it = (statistics.median(wall[side] for wall in walls) for side in (0, 1))
        print(
            f"{title:<58} {without:7.3f} s {with_it:7.3f} s   "
            f"x {statistics.median(ratios):5.2f} ({min(ratios):.2f} to {max(ratios):.2f})   "
            f"sender's status {', '.join(sorted(set(ends)))}",
            flush=True,
        )

    def beside(self, flags: str, *, full: bool) -> str:
        """The script with a sender."""
        spool = self.scratch / "spool"
        send = f"dirac-mq-send demo.jobs -q -l --batch 64k --spool={spool} {flags}"
        if full:
            limit = full_disk()[0].format(spool=spool)
            send = f"{limit} {send}"
        status = self.scratch / "status"
        return (
            f"({PAYLOAD}) 2>&1 | tee >({send} 2>/dev/null; echo $? >{status}.new; mv {status}.new {status}) >/dev/null"
        )

    def measure(self, script: str, *, wait: bool = False) -> tuple[float, str]:
        """Wall seconds of a script, and the sender's status, which is waited for."""
        status = self.scratch / "status"
        status.unlink(missing_ok=True)
        begin = time.perf_counter()
        subprocess.run(["bash", "-c", script], env=self.env, check=True, stdin=subprocess.DEVNULL)
        wall = time.perf_counter() - begin
        deadline = time.monotonic() + 120
        while wait and not status.exists():
            if time.monotonic() > deadline:
                sys.exit("the sender does not end")
            time.sleep(0.05)
        end = status.read_text().strip() if wait else ""
        shutil.rmtree(self.scratch / "spool", ignore_errors=True)
        return wall, end

    @contextmanager
    def blocked(self) -> Iterator[None]:
        """The broker believes that its memory is used up."""
        state = devbroker.status(self.directory).nodes[0]
        evaluate(self.node, state, f"rabbit_alarm:set_alarm({{{ALARM}, []}})")
        try:
            yield
        finally:
            evaluate(self.node, state, f"rabbit_alarm:clear_alarm({ALARM})")


def full_disk() -> tuple[str, str]:
    """What stands before a command to give it a spool on a disk that is soon full, and what that is called."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0:
        mount = 'mkdir -p {spool}; mount -t tmpfs -o size=64k,mode=700 tmpfs {spool}; exec "$@"'
        return f"unshare -m sh -c '{mount}' sh", "a tmpfs of 64k"
    return "ulimit -f 64;", "RLIMIT_FSIZE"


def main() -> None:
    """Bring up a broker, run every pair, take the broker down."""
    directory = Path(tempfile.mkdtemp(prefix="dirac-mq-bench-"))
    scratch = Path(tempfile.mkdtemp(prefix="dirac-mq-bench-spool-"))
    try:
        devbroker.up(directory)
        load = " ".join(f"{each:.1f}" for each in os.getloadavg())
        title = f"payload | tee, without and with a sender; load {load}"
        print(f"{title:<58} {'without':>9} {'with':>9}   ratio, pair by pair")
        Pipelines(directory, scratch).run()
    finally:
        devbroker.down(directory, purge=True)
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
