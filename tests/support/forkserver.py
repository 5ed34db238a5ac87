"""The process that ``support.forked`` starts: it imports what commands need, then forks one for each line it reads.

A line is a JSON object (see ``Fleet.start``); when a command has ended, a line with its id, its status (as
``os.waitstatus_to_exitcode`` has it) and the seconds that it took goes to standard output.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import sys
import time
from typing import Any, NoReturn

_VERBS = {
    "send": "sending",
    "peek": "peeking",
    "list": "listing",
    "consume": "consuming",
    "tail": "tailing",
    "broker.diff": "applying",
    "broker.apply": "applying",
    "broker.render": "rendering",
}
_LATE = (
    "diracmq_cli.admin.difference",
    "diracmq_cli.admin.managementapi",
    "diracmq_cli.admin.rabbitmqctl",
    "diracmq_cli.broker",
    "diracmq_cli.cli.apps",
    "diracmq_cli.cli.broker.reach",
    "diracmq_cli.config",
    "diracmq_cli.credentials",
    "M2Crypto.X509",
)
"""What commands import only when they come to it."""

_POLL = 0.01


def main() -> None:
    """Serve until the end of standard input."""
    for verb, module in _VERBS.items():
        importlib.import_module(f"diracmq_cli.cli.{verb}")
        importlib.import_module(f"diracmq_cli.wiring.{module}")
    for name in _LATE:
        importlib.import_module(name)
    running: dict[int, tuple[int, float]] = {}
    rest, open_ = b"", True
    while open_ or running:
        if open_ and select.select([0], [], [], _POLL)[0]:
            octets = os.read(0, 65536)
            open_ = bool(octets)
            *lines, rest = (rest + octets).split(b"\n")
            for line in lines:
                task = json.loads(line)
                running[_fork(task)] = task["id"], time.monotonic()
        elif not open_:
            time.sleep(_POLL)
        while running and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            number, started = running.pop(ended[0])
            row = {"id": number, "status": os.waitstatus_to_exitcode(ended[1]), "seconds": time.monotonic() - started}
            os.write(1, json.dumps(row).encode() + b"\n")


def _fork(task: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        _become(task)
    return pid


def _become(task: dict[str, Any]) -> NoReturn:
    """In the child: be the command, as if it had just been started."""
    from support.unreachable import leave_network

    from diracmq_cli.cli import main as command

    os.chdir(task["directory"])
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        os.dup2(os.open(name, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.chdir(task["cwd"])
    os.environ.clear()
    os.environ.update(task["environment"])
    if not task["network"]:
        leave_network()
    sys.argv = ["dirac-mq", *task["arguments"]]
    status = 1
    try:
        command()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
