"""Plugin, wired: built into a directory, which is then named."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.errors import OutputError

if TYPE_CHECKING:
    from diracmq_cli.wiring.console import Console


def run_plugin(out: Path, rabbitmq_home: Path | None, console: Console) -> None:
    """Build the plugin and write the path of its directory.

    Raises:
        ConfigError: there is no RabbitMQ or Erlang compiler, or the sources do not compile.
        OutputError: it cannot be written there.
    """
    try:
        made = build_plugin(out, rabbitmq_home=rabbitmq_home)
    except OSError as error:
        raise OutputError(f"cannot write {out}: {(error.strerror or str(error)).lower()}") from error
    console.writer.write(console.look.encode((dumps({"plugin": str(made)}) if console.json else str(made)) + "\n"))
    console.writer.flush()
