"""What remembers the signed messages that were taken, where each is to be taken once only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.model import OriginLevel, QueueSpec
from diracmq_cli.wiring.judging import max_age_of

if TYPE_CHECKING:
    from diracmq_cli.core.ports import Seen
    from diracmq_cli.wiring.acceptance import TrustOptions


@contextmanager
def remembering(queue: QueueSpec, trust: TrustOptions, *, once: bool) -> Iterator[Seen | None]:
    """The memory of a queue's signed messages, closed afterwards; None where repeats are welcome.

    They are not where ``once`` asks for it, nor where the CS wants signatures: a signature that proves something is
    worth sending again.

    Raises:
        UsageError: there is no place to keep it.
        OutputError: it cannot be used.
    """
    if not once and queue.origin is not OriginLevel.SIGNED:
        yield None
        return
    from diracmq_cli.origin.verify import FUTURE
    from diracmq_cli.seen import SeenStore, locate

    path = locate(str(queue.address), os.environ, Path.cwd())
    seen = SeenStore(path, keep=max_age_of(queue, trust.max_age) + FUTURE)
    try:
        yield seen
    finally:
        seen.close()
