"""The directory by which a consumer is controlled: a file in it asks for its end, as DIRAC's components have it."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.consumer.usage import started

if TYPE_CHECKING:
    from collections.abc import Mapping

    from diracmq_cli.core.consumerspec import ConsumerSpec

STOP_FILE = "stop_consumer"

_log = logging.getLogger("dirac-consumer")


class Control:
    """The control directory of this run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.stop_file = directory / STOP_FILE

    def begin(self) -> None:
        """Make the directory, and remove a file that asked for the end of an earlier run.

        One that is younger than this process is meant for it: a supervisor may ask before Python has come this far.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.stop_file.exists() and self.stop_file.stat().st_mtime < started():
                self.stop_file.unlink(missing_ok=True)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            _log.warning("%s cannot be used: %s; only a signal ends this consumer", self.directory, reason)

    @property
    def stop_requested(self) -> bool:
        """Whether the file is there."""
        with suppress(OSError):
            return self.stop_file.exists()
        return False


def control_directory(spec: ConsumerSpec, root: str | None, environment: Mapping[str, str]) -> Path:
    """``ControlDirectory``, ``control/<System>/<Name>``, both below DIRAC's root, else where a user's state is kept."""
    if spec.control_directory is not None:
        return Path(root or "") / spec.control_directory
    if root is not None:
        return Path(root) / "control" / spec.name
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "/")
    base = Path(state) if state.startswith("/") else Path(home) / ".local" / "state"
    return base / "dirac-mq" / "control" / spec.name
