"""Where the spool is, when nobody says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from diracmq_cli.errors import UsageError

IN_PILOT = ".dirac-mq-spool"
"""In a pilot's working directory: its scratch space is what lives as long as the pilot does."""


def locate(option: str | None, environment: Mapping[str, str], working_directory: Path) -> Path:
    """The spool's directory: ``option``, ``$DIRAC_MQ_SPOOL``, the working directory in a pilot (where
    ``DIRAC_PILOT_STAMP`` is set), else ``$XDG_STATE_HOME`` or ``~/.local/state``.

    Raises:
        UsageError: there is no home directory to put it in.
    """
    named = option or environment.get("DIRAC_MQ_SPOOL")
    if named:
        return working_directory / named
    if environment.get("DIRAC_PILOT_STAMP"):
        return working_directory / IN_PILOT
    state, home = environment.get("XDG_STATE_HOME", ""), environment.get("HOME", "")
    if state.startswith("/"):  # the specification ignores relative ones
        return Path(state) / "dirac-mq" / "spool"
    if home.startswith("/"):
        return Path(home) / ".local" / "state" / "dirac-mq" / "spool"
    raise UsageError("there is no home directory to keep a spool in", hint="name a directory with --spool=DIR")
