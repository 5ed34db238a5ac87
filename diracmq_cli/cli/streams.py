"""The three standard streams as a command needs them: there, whatever the caller has closed."""

from __future__ import annotations

import os
import sys


def hold_standard_streams() -> None:
    """Fill the places of closed standard descriptors, before anything else is opened there.

    A socket that became descriptor 1 would be written our output to. A closed standard output fails when it is
    written to (EBADF), a closed standard error swallows what is said.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            # The lowest free descriptor is this one; open it the wrong way round, except for stderr.
            os.open(os.devnull, os.O_WRONLY if fd in (0, 2) else os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - as Python would have opened it
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
