"""List, wired."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from diracmq_cli.core.address import Address
from diracmq_cli.core.model import BrokerService
from diracmq_cli.core.ports import Inspector
from diracmq_cli.errors import MQError, UnknownDestination
from diracmq_cli.operations.listing import inspect_queues
from diracmq_cli.output.table import print_queues
from diracmq_cli.wiring.console import Console
from diracmq_cli.wiring.setup import Setup
from diracmq_cli.wiring.target import on_broker

DEFAULT_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """The flags of ``list``; ``patterns`` are shell patterns of queue names or addresses."""

    patterns: tuple[str, ...] = ()
    broker: str | None = None
    timeout: float | None = None


def run_list(setup: Setup, options: ListOptions, console: Console) -> None:
    """Show the queues of the configuration; what a broker does not tell is said in its row.

    Raises:
        UnknownDestination: no queue of that name.
        ConfigError: an entry of the CS cannot be read; the others have been shown.
        MQError: a broker could not be asked; the others have been shown.
    """
    model = setup.model if options.broker is None else on_broker(setup.model, options.broker)
    queues = [queue for queue in model.queues if _chosen(queue.address, options.patterns)]
    refused = [error for address, error in model.refused if _chosen(address, options.patterns)]
    if not queues and not refused:
        raise _nothing(setup, options)
    reports = list(
        inspect_queues(
            queues,
            lambda service, timeout: _open_inspector(setup, service, timeout, console),
            timeout=DEFAULT_TIMEOUT if options.timeout is None else options.timeout,
            clock=time.monotonic,
        )
    )
    print_queues(
        [state for report in reports for state in report.states], console.writer, console.look, json=console.json
    )
    console.writer.flush()
    errors: list[MQError] = [report.failure for report in reports if report.failure is not None]
    errors += refused
    for text in dict.fromkeys(str(error) for error in errors[1:]):
        if text != str(errors[0]):
            console.talk.warning(text)
    if errors:
        raise errors[0]


def _open_inspector(setup: Setup, service: BrokerService, timeout: float, console: Console) -> Inspector:
    return setup.open(service, timeout=timeout, wake_fd=console.stop.wake_fd).inspector()


def _chosen(address: Address, patterns: Sequence[str]) -> bool:
    if not patterns:
        return True
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in (address.name, str(address)))


def _nothing(setup: Setup, options: ListOptions) -> UnknownDestination:
    if options.patterns and setup.model.queues:
        return UnknownDestination(f"no queue is called {' or '.join(options.patterns)}", hint="dirac-mq list shows all")
    files = ", ".join(setup.model.files)
    return UnknownDestination(
        f"no queue is defined in {files}" if files else "no configuration was found",
        hint="point to one with --cfg FILE or DIRACSYSCONFIG",
    )
