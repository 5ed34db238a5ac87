"""Write octets to a descriptor with a buffer of our own, so that nothing is left for the interpreter to fail on."""

from __future__ import annotations

import os
import select

from diracmq_cli.errors import OutputError

BUFFER = 256 * 1024
"""Octets gathered before they are written without being asked for."""

_SLICE = 1024 * 1024


class Writer:
    """Standard output (or another descriptor) as octets.

    What cannot be written is dropped from the buffer together with the error that says so: its messages are not
    acknowledged, and nothing is tried again when the process ends.
    """

    def __init__(self, fd: int, name: str = "standard output") -> None:
        self._fd = fd
        self._name = name
        self._pending: list[bytes] = []
        self._size = 0

    def write(self, octets: bytes) -> None:
        """Take octets, and write when enough have gathered.

        Raises:
            OutputError, BrokenPipeError: as ``flush``.
        """
        self._pending.append(octets)
        self._size += len(octets)
        if self._size >= BUFFER:
            self.flush()

    def flush(self) -> None:
        """Write all that was taken.

        Raises:
            OutputError: the disk is full, the device fails, the descriptor is closed.
            BrokenPipeError: whoever read this has gone (EPIPE).
        """
        data = memoryview(b"".join(self._pending))
        self._pending.clear()
        self._size = 0
        while data:
            try:
                written = os.write(self._fd, data[:_SLICE])
            except BlockingIOError:  # somebody who shares the descriptor made it non-blocking
                poller = select.poll()
                poller.register(self._fd, select.POLLOUT)
                poller.poll()
                continue
            except BrokenPipeError:
                raise
            except OSError as error:
                raise OutputError(f"cannot write {self._name}: {(error.strerror or str(error)).lower()}") from error
            data = data[written:]
