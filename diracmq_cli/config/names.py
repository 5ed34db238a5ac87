"""Names for completions: a small text file beside the cache, which shells read by themselves.

To start Python costs more than a completion may take. A line is a letter for the kind, a space, and a name. Only names
are kept that no shell takes for anything but text, so that one like ``$(rm -r ~)`` is never even offered; a queue with
another name is typed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.config.storage import Storage
    from diracmq_cli.core.model import ExchangeSpec, MessagingModel, QueueSpec

FILE = "names"

QUEUE, EXCHANGE, SERVICE = "q", "e", "s"
"""The kinds: a queue or exchange by the shortest name that means it alone. Capitals: by its address."""

SAFE = "A-Za-z0-9_.:/@=+,-"
"""What a name may consist of, as a range in the brackets of a pattern; it begins with a letter, a digit or ``_``."""

_NAME = re.compile(f"[A-Za-z0-9_][{SAFE}]*")
_MOST = 5000
"""Names; a shell goes through so many within a twentieth of a second."""


class NameFile:
    """The file; its first line says which configuration it was made from."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def is_of(self, identity: str) -> bool:
        """Whether the names are those of the configuration that ``identity`` tells from others."""
        return (self._storage.read(FILE) or b"").startswith(_head(identity))

    def write(self, identity: str, model: MessagingModel) -> None:
        """Keep the names of ``model``."""
        lines = [line for line in _lines(model) if _NAME.fullmatch(line[2:])][:_MOST]
        self._storage.write(FILE, _head(identity) + "".join(f"{line}\n" for line in lines).encode())


def _head(identity: str) -> bytes:
    return f"# dirac-mq {identity}\n".encode()


def _lines(model: MessagingModel) -> Iterator[str]:
    yield from (f"{SERVICE} {name}" for name in dict.fromkeys(service.name for service in model.services))
    taken = Counter(queue.name for queue in model.queues)
    yield from _of_kind(QUEUE, model.queues, taken)
    yield from _of_kind(EXCHANGE, model.exchanges, taken + Counter(exchange.name for exchange in model.exchanges))


def _of_kind(kind: str, specs: Sequence[QueueSpec | ExchangeSpec], taken: Counter[str]) -> Iterator[str]:
    for spec in specs:
        yield f"{kind} {spec.name if taken[spec.name] == 1 else spec.address}"
        yield f"{kind.upper()} {spec.address}"
