"""Places where no broker can be reached."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Iterator

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000


def leave_network() -> None:
    """Put this process into a network of its own, with no route to anywhere (unshare(2), as ``unshare -rn`` does).

    Raises:
        OSError: the system does not let us.
    """
    flags = _CLONE_NEWNET | (_CLONE_NEWUSER if os.geteuid() else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextlib.contextmanager
def black_hole() -> Iterator[int]:
    """A port of 127.0.0.1 that answers no SYN: its queue of connections is full and nobody accepts any."""
    with contextlib.ExitStack() as kept:
        listener = kept.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for _ in range(16):
            waiting = kept.enter_context(socket.socket())
            waiting.settimeout(0.2)
            try:
                waiting.connect(("127.0.0.1", port))
            except TimeoutError:
                yield port
                return
        raise AssertionError("the queue does not fill")
