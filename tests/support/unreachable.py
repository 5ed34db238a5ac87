"""Places where no broker can be reached."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

NO_NETWORK = ("unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--net")
"""Put before a command, it has a network of its own with no route to anywhere."""


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
