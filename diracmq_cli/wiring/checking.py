"""Check, wired."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.core.finding import Finding, worst
from diracmq_cli.operations.check import Check, CheckRequest
from diracmq_cli.output.checklist import ChecklistWriter
from diracmq_cli.wiring.examining import MachineExaminer
from diracmq_cli.wiring.setup import Choices, Setup

if TYPE_CHECKING:
    from diracmq_cli.errors import ExitStatus
    from diracmq_cli.wiring.console import Console

DEFAULT_TIMEOUT = 3.5
"""Seconds for everything that may have to be waited for; with the start of the program it stays under five."""

CS_SHARE = 0.375
"""Of that, for configuration servers: one that is away must leave time for the brokers."""


def cs_timeout(timeout: float | None) -> float:
    """Seconds for configuration servers, of ``timeout`` for everything."""
    return CS_SHARE * (DEFAULT_TIMEOUT if timeout is None else timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """The arguments of ``check``; ``timeout`` is in seconds."""

    destinations: tuple[str, ...] = ()
    timeout: float | None = None


def run_check(choices: Choices, options: CheckOptions, console: Console) -> ExitStatus:
    """Write what is found, line by line; returns the exit status of the first failure."""
    trouble: list[str] = []
    setup = Setup(choices, console, warn=trouble.append)
    request = CheckRequest(
        destinations=tuple(dict.fromkeys(options.destinations)),
        timeout=DEFAULT_TIMEOUT if options.timeout is None else options.timeout,
    )
    check = Check(MachineExaminer(setup, trouble), request, clock=time.monotonic, now=time.time(), stop=console.stop)
    console.afterwards.callback(setup.finish)
    checklist = ChecklistWriter(console.writer, console.look, json=console.json)
    findings: list[Finding] = []
    for finding in check.run():
        checklist.write(finding)
        findings.append(finding)
    return worst(findings)
