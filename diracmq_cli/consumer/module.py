"""What a consumer does with its messages: the counterpart of DIRAC's ``AgentModule``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.job import Job
    from diracmq_cli.wiring.setup import Setup

T = TypeVar("T", bool, int, float, str, list[str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a module is given.

    ``name`` is ``System/Name``; ``options`` reads an option of the consumer's section as the type of its default;
    ``queues`` are the addresses that it takes from; ``worker`` counts the instances of this process from 0, of which
    there are ``concurrency``, each in a thread of its own. ``figures`` takes figures of the module's own by name.
    """

    name: str
    options: Callable[[str, T], T]
    queues: tuple[str, ...]
    worker: int
    concurrency: int
    setup: Setup
    count: Callable[[str], None]


class ConsumerModule:
    """Handles messages. Override ``execute``; the rest as needed.

    There is one instance for each of the consumer's ``Concurrency`` threads, made, used and finalized in that thread
    alone. A module whose work needs one order sets ``single``: the host then refuses a ``Concurrency`` above 1.

    Where ``flush`` is overridden, messages whose ``execute`` has returned stay in hand until a ``flush`` has returned:
    many of them are made durable together. It is called when no message waits, when as many are in hand as may be
    (``Prefetch``), and once a second in any case, also when nothing is in hand. When it raises, that was a failed try
    of all that it was called for; ``Retry`` brings them all again, and was none.
    """

    single = False

    def __init__(self, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.log = logging.getLogger(f"dirac-consumer.{surroundings.name.replace('/', '.')}")

    @property
    def name(self) -> str:
        """``System/Name``."""
        return self.surroundings.name

    def option(self, name: str, default: T) -> T:
        """The option ``name`` of the consumer's section, as the type of ``default``.

        Booleans as DIRAC reads them; a list is split at commas; a whole number or a fraction where the default is one.

        Raises:
            ConfigError: it is none; section, option and file are named.
        """
        return self.surroundings.options(name, default)

    def count(self, name: str) -> None:
        """Count something of the module's own, by a name in lower case with underscores; it shows in the metrics."""
        self.surroundings.count(name)

    def initialize(self) -> None:
        """Prepare; called once, before the first message is taken. What it raises ends the consumer with 1."""

    def execute(self, message: Job) -> object:
        """Handle one message.

        When it returns, the message is acknowledged (or stays in hand for ``flush``). ``Retry`` brings it again after
        a while, ``Reject`` dead-letters it; whatever else is raised, or DIRAC's ``S_ERROR`` returned, is a failed try:
        it comes again after ``RetryDelay``, and after ``MaxTries`` it is dead-lettered with the reason.
        """
        raise NotImplementedError

    def flush(self) -> None:
        """Make durable what the messages in hand have led to; when it returns, they are acknowledged."""

    def finalize(self) -> None:
        """Clean up; called once, when everything that was in hand has been settled."""
