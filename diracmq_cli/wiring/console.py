"""The process's streams as a command sees them: data on stdout, talk on stderr, signals."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diracmq_cli.output.talk import Talk
from diracmq_cli.output.terminal import ColorMode, Look, look_of
from diracmq_cli.output.writer import Writer

if TYPE_CHECKING:
    from diracmq_cli.wiring.signals import StopFlag


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Where a command writes and what may stop it; ``afterwards`` holds what to do when its end has been told."""

    stop: StopFlag
    talk: Talk
    writer: Writer
    look: Look
    json: bool
    verbose: bool
    afterwards: ExitStack

    @classmethod
    def of_process(
        cls,
        program: str,
        stop: StopFlag,
        *,
        json: bool,
        quiet: bool,
        verbose: bool,
        color: ColorMode,
        afterwards: ExitStack,
    ) -> Console:
        """The console of this process's own standard streams."""
        return cls(
            stop=stop,
            talk=Talk(program, sys.stderr, quiet=quiet, look=look_of(sys.stderr, color, os.environ)),
            writer=Writer(sys.stdout.fileno()),
            look=look_of(sys.stdout, color, os.environ),
            json=json,
            verbose=verbose,
            afterwards=afterwards,
        )
