"""Where it is remembered which messages were taken: one file for each queue."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from diracmq_cli.errors import UsageError

IN_PILOT = ".dirac-mq-seen"
"""In a pilot's working directory, as the spool is: nothing else is surely its own."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST = 64


def locate(queue: str, environment: Mapping[str, str], working_directory: Path) -> Path:
    """The file for the queue of that address: in the working directory in a pilot (where ``DIRAC_PILOT_STAMP`` is
    set), else in ``$XDG_STATE_HOME`` or ``~/.local/state``.

    Raises:
        UsageError: there is no home directory to put it in.
    """
    readable = _UNSAFE.sub("_", queue)[-_LONGEST:].lstrip(".")
    return _directory(environment, working_directory) / f"{readable}-{hashlib.sha256(queue.encode()).hexdigest()[:16]}"


def _directory(environment: Mapping[str, str], working_directory: Path) -> Path:
    if environment.get("DIRAC_PILOT_STAMP"):
        return working_directory / IN_PILOT
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    if state.startswith("/"):  # the specification ignores relative ones
        return Path(state) / "dirac-mq" / "seen"
    if home.startswith("/"):
        return Path(home) / ".local" / "state" / "dirac-mq" / "seen"
    raise UsageError(
        "there is no home directory to remember in which messages were taken", hint="name one with XDG_STATE_HOME"
    )
