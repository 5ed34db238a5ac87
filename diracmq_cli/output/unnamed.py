"""Files without a name, to hand octets to another process that may read them whenever it likes, or never."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from diracmq_cli.errors import OutputError

_ABOVE = 10
"""Descriptors are numbered from here: whoever sets up 0 to 9 for a child overwrites none of them."""


@contextmanager
def unnamed_file(content: bytes) -> Iterator[int]:
    """A descriptor on a file that holds ``content``, at its beginning; closed on leaving (memfd_create(2)).

    Raises:
        OutputError: no memory, or no descriptor, is left.
    """
    fd = -1
    try:
        try:
            low = os.memfd_create("dirac-mq", os.MFD_CLOEXEC)
            try:
                fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _ABOVE)
            finally:
                os.close(low)
            at = 0
            while at < len(content):
                at += os.pwrite(fd, memoryview(content)[at:], at)  # pwrite leaves the reader's position alone
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputError(f"cannot hand the message over: {reason}") from error
        yield fd
    finally:
        if fd >= 0:
            os.close(fd)
