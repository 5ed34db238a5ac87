"""What the CS says of some queues, wired: the smallest CFG that holds them, and where each setting comes from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diracmq_cli.errors import UsageError
from diracmq_cli.output.settings import SettingRow, print_settings
from diracmq_cli.wiring.selecting import Choice, select
from diracmq_cli.wiring.target import is_url

if TYPE_CHECKING:
    from diracmq_cli.core.model import ExchangeSpec, QueueSpec
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup


def run_as_cfg(setup: Setup, choice: Choice, console: Console) -> None:
    """Write the smallest CFG that resolves the queues and exchanges that are named, for ``--cfg`` or ``DIRAC_MQ_CFG``.

    Raises:
        UsageError: none is named, or the broker is one of a URL, which no CFG names.
        MQError: one cannot be found (``Setup.target``).
    """
    from diracmq_cli.config import minimal_cfg

    if console.json:
        raise UsageError("--as-cfg writes a CFG: no --json beside it")
    specs = list(_named(setup, choice, "--as-cfg"))
    text = minimal_cfg(setup.configuration, setup.model, specs)
    console.writer.write(text.encode())
    console.writer.flush()


def run_explain(setup: Setup, choice: Choice, console: Console) -> None:
    """Show every setting of the queues and exchanges that are named, and where each was read.

    Raises:
        UsageError, MQError: as ``run_as_cfg``.
    """
    from diracmq_cli.config import explain

    specs = list(_named(setup, choice, "--explain"))
    rows = [
        SettingRow(str(spec.address), setting.option, setting.value, setting.place, setting.remark)
        for spec in specs
        for setting in explain(setup.configuration, spec)
    ]
    print_settings(rows, console.writer, console.look, json=console.json)


def _named(setup: Setup, choice: Choice, flag: str) -> Iterator[QueueSpec | ExchangeSpec]:
    """What is named, by name, address or pattern. Its broker is the CS's: one of a URL would not be what is shown."""
    if not choice.patterns:
        raise UsageError(f"{flag} needs the name of a queue", hint=f"dirac-mq list {flag} demo.jobs")
    if choice.broker is not None and is_url(choice.broker):
        raise UsageError(f"{flag} shows what the CS says, which --broker URL would change", hint="leave --broker out")
    if choice.is_exact and choice.service is None:
        yield from (setup.target(name).spec for name in choice.patterns)
        return
    selection = select(setup, choice)
    for failure in (selection.failure, *selection.refused):
        if failure is not None:
            raise failure
    yield from selection.queues
