"""Work on files that is cut off at each of its steps in turn, then done by a successor: run as a program.

``crashing.py KIND DIRECTORY`` works in ``DIRECTORY/0``, ``DIRECTORY/1`` …: in the one numbered N a process ends, as by
SIGKILL, in the place of its Nth call that changes a file, and another goes on from the last message that the first one
has acknowledged. It ends with the first N that is beyond the last step, and prints it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from diracmq_cli.usecases.batchfiles import BatchFiles
from diracmq_cli.usecases.pilots import Bounds, PilotStore

MESSAGES = 20
AT_ONCE = 5
PILOTS = 3

STEPS = ("pwrite", "fsync", "rename", "ftruncate", "unlink", "mkdir")

Acknowledge = Callable[[int], object]


def pilots(path: Path, start: int, acknowledge: Acknowledge) -> None:
    """Lines of three pilots, in files of which each holds a few."""
    store = PilotStore(path, Bounds(file=120, files=100, pilots=10, total=10**6))
    for number in range(start, MESSAGES):
        pilot = f"p{number % PILOTS}"
        assert store.claim(pilot, "/CN=owner") == "/CN=owner"
        store.add(pilot, "/CN=owner", f"id-{number}", (f"line {number} a", f"line {number} b"), finished=False)
        if number % AT_ONCE == AT_ONCE - 1 or number == MESSAGES - 1:
            store.flush()
            acknowledge(number + 1)
    store.close()


def batches(path: Path, start: int, acknowledge: Acknowledge) -> None:
    """Lines in files of which each holds a few."""
    files = BatchFiles(path, "batch", size=60, age=3600)
    for first in range(start, MESSAGES, AT_ONCE):
        last = min(first + AT_ONCE, MESSAGES)
        files.append([f"line {number}\n".encode() for number in range(first, last)])
        files.close_old()
        acknowledge(last)
    files.close_file()
    files.close()


WORK = {"pilots": pilots, "batches": batches}


def _in_a_child(kind: str, path: Path, start: int, crash_at: int | None) -> tuple[int, int]:
    """Work in a process of its own; returns its exit status and how many messages have been acknowledged."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            if crash_at is not None:
                _crash(crash_at)
            WORK[kind](path, start, lambda count: os.write(write_end, bytes([count])))
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as said:
        acknowledged = said.read()
    _, ended = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(ended), acknowledged[-1] if acknowledged else start


def _crash(at: int) -> None:
    """End this process instead of its step ``at``."""
    taken = 0

    def guarded(call: Callable[..., object]) -> Callable[..., object]:
        def step(*arguments: object, **options: object) -> object:
            nonlocal taken
            if taken == at:
                os.kill(os.getpid(), 9)
            taken += 1
            return call(*arguments, **options)

        return step

    for name in STEPS:
        setattr(os, name, guarded(getattr(os, name)))


def main(kind: str, directory: Path) -> None:
    """See the module."""
    step = 0
    while True:
        place = directory / str(step)
        place.mkdir()
        status, acknowledged = _in_a_child(kind, place / "logs", 0, step)
        if status == 0:
            break
        assert status == -9, status
        (place / "acknowledged").write_text(str(acknowledged))
        status, _ = _in_a_child(kind, place / "logs", acknowledged, None)
        assert status == 0, status
        step += 1
    sys.stdout.write(f"{step}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
