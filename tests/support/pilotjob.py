"""examples/pilot-wrapper.sh as a batch system runs it: under ``bash -s``, without HOME, in a scratch directory."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.broker import SCRIPTS, Broker

from diracmq_cli import devbroker

WRAPPER = Path(__file__).parents[2] / "examples" / "pilot-wrapper.sh"

FOLLOW = """\
tail -n +1 -F --pid=$$ events.log 2> /dev/null |
    dirac-mq-send "$PILOT_QUEUE" -q -l --spool &
"""
"""As the page has it: a payload's script has a file of its own followed."""

REPLAY = """\
sed -n '/^----- spool of/,/^----- end of spool/{/^{/p}' job.out |
    dirac-mq-send demo.pilots --from-json
"""
"""As the page has it: what a pilot could not send is sent from its batch log."""

PAYLOAD = r"""
cat
trap 'echo "last words"; exit 9' TERM
exec 3<> "$1"
while :; do
    read -t 0.2 -r line <&3 || continue # a signal just before a read does not end that
    case $line in "exit "* | "seq "*) $line ;; *) echo "$line" ;; esac
done
"""
"""A payload that says what it is told to say, lets us see what is on its standard input, and ends as it is told."""


class PilotJob:
    """One pilot with its batch log; ``payload`` is a command, or None for one that ``say`` and ``exit`` tell what to
    do."""

    def __init__(self, broker: Broker, directory: Path, payload: Sequence[str] | None, **environment: str) -> None:
        self.stamp = secrets.token_hex(8)
        self.scratch = directory / "scratch"
        self.scratch.mkdir(exist_ok=True)
        self._log = directory / "job.out"
        self._errors = directory / "job.err"
        self._told = directory / "told"
        os.mkfifo(self._told)
        self._telling = os.open(self._told, os.O_RDWR)
        pilot = devbroker.environment(broker.directory, devbroker.Role.PILOT)
        paths = os.pathsep.join([str(SCRIPTS), "/usr/bin", "/bin"])
        with self._log.open("wb") as log, self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                ["bash", "-s", "--", *(payload or ["bash", "-c", PAYLOAD, "payload", str(self._told)])],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=errors,
                cwd=self.scratch,
                env={**pilot, "PATH": paths, "DIRAC_PILOT_STAMP": self.stamp, "PILOT_FLUSH": "2", **environment},
                start_new_session=True,
            )
        assert self.process.stdin is not None
        self.process.stdin.write(WRAPPER.read_bytes())
        self.process.stdin.close()

    @property
    def log(self) -> str:
        """The batch log so far: standard output."""
        return self._log.read_text(errors="backslashreplace")

    @property
    def errors(self) -> str:
        """What is beside it: standard error."""
        return self._errors.read_text(errors="backslashreplace")

    @property
    def spool(self) -> Path:
        return self.scratch / ".dirac-mq-spool"

    def logs(self, text: str) -> None:
        """Wait until the batch log says so."""
        self.until(lambda: text in self.log, f"{text!r} in the batch log")

    def complains(self, text: str) -> None:
        """Wait until standard error says so."""
        self.until(lambda: text in self.errors, f"{text!r} on standard error")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something."""
        deadline = time.monotonic() + 45
        while not condition():
            said = f"no {what}; {self.log}{self.errors}"
            assert time.monotonic() < deadline, said
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {said}"
            time.sleep(0.05)

    def say(self, *lines: str) -> None:
        """Have the payload say something, and wait until it is in the batch log."""
        os.write(self._telling, "".join(f"{line}\n" for line in lines).encode())
        self.logs(f"{lines[-1]}\n")

    def count(self, last: int) -> None:
        """Have the payload say the numbers up to ``last``, at once."""
        os.write(self._telling, f"seq {last}\n".encode())
        self.logs(f"\n{last}\n")

    def exit(self, status: int) -> int:
        """Have the payload end; the status of the whole."""
        os.write(self._telling, f"exit {status}\n".encode())
        return self.ends()

    def ends(self) -> int:
        """Wait for the end, at which nothing that it started is there any more."""
        status = self.process.wait(60)
        assert self.processes() == [], self.log
        return status

    def terminate(self, *, group: bool) -> None:
        """The wall time is up: SIGTERM, to all of it or to the wrapper alone."""
        os.kill(-self.process.pid if group else self.process.pid, signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all of it, after which nothing of it lives on."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + 30
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.02)

    def processes(self, program: str = "") -> list[int]:
        """What runs of this pilot: the pids of processes whose command line has ``program``."""
        mark = f"DIRAC_PILOT_STAMP={self.stamp}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if mark in (entry / "environ").read_bytes() and program.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:  # it has just ended
                continue
        return found

    def close(self) -> None:
        """End whatever is left."""
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._telling)


@contextmanager
def pilot_job(
    broker: Broker, directory: Path, payload: Sequence[str] | None = None, **environment: str
) -> Iterator[PilotJob]:
    """A pilot, ended with all that it started."""
    job = PilotJob(broker, directory, payload, **environment)
    try:
        yield job
    finally:
        job.close()


def undated(text: str) -> list[str]:
    """Its lines; status lines without their time, and without what differs from run to run.

    Those of the queue, which are JSON, are shown as those of the batch log are.
    """
    lines = (_plain(line) for line in text.splitlines())
    return [re.sub(r"^status (?:\S+Z )?(\w+ \w+: )(?:(?:pilot|bash|after) .*)?", r"status \1", line) for line in lines]


def _plain(line: str) -> str:
    if not line.startswith('["'):
        return line
    _, _, source, phase, state, content = json.loads(line)
    assert source == "wrapper"
    return f"status {phase} {state}: {content}"
