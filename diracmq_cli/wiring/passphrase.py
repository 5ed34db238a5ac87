"""Ask for a key's passphrase where there is somebody to ask."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


def ask_on_terminal() -> Callable[[str], str] | None:
    """A function that asks on the terminal; None when nobody sits there.

    The question goes to the controlling terminal, since standard input may be data.
    """
    if not sys.stderr.isatty():
        return None
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return None

    from getpass import getpass

    return getpass
