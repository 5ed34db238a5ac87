"""List, wired."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.operations.listing import inspect_queues
from diracmq_cli.output.table import print_queues
from diracmq_cli.wiring.selecting import Choice, select

if TYPE_CHECKING:
    from diracmq_cli.core.model import BrokerService
    from diracmq_cli.core.ports import Inspector
    from diracmq_cli.errors import MQError
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup

DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """The flags of ``list``; ``timeout`` is in seconds, for the CS and the brokers together."""

    choice: Choice = field(default_factory=Choice)
    timeout: float | None = None


def run_list(setup: Setup, options: ListOptions, console: Console) -> None:
    """Show the queues of the configuration; what a broker does not tell is said in its row.

    Raises:
        UnknownDestination: no queue of that name.
        ConfigError: an entry of the CS cannot be read; the others have been shown.
        MQError: the CS or a broker could not be asked; the others have been shown.
    """
    ends = time.monotonic() + (DEFAULT_TIMEOUT if options.timeout is None else options.timeout)
    selection = select(setup, options.choice)
    reports = list(
        inspect_queues(
            selection.queues,
            lambda service, timeout: _open_inspector(setup, service, timeout, console),
            timeout=max(0.0, ends - time.monotonic()),
            clock=time.monotonic,
        )
    )
    print_queues(
        [state for report in reports for state in report.states], console.writer, console.look, json=console.json
    )
    console.writer.flush()
    errors: list[MQError] = [] if selection.failure is None else [selection.failure]
    errors += [report.failure for report in reports if report.failure is not None]
    errors += selection.refused
    for text in dict.fromkeys(str(error) for error in errors[1:]):
        if text != str(errors[0]):
            console.talk.warning(text)
    if errors:
        raise errors[0]


def _open_inspector(setup: Setup, service: BrokerService, timeout: float, console: Console) -> Inspector:
    return setup.open(service, timeout=timeout, whole=timeout, wake_fd=console.stop.wake_fd).inspector()
