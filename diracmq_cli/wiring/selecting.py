"""Which queues ``list`` is asked for, and where their names come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from diracmq_cli.errors import ConfigError, MQError, UnknownDestination
from diracmq_cli.wiring.target import on_broker, on_service

if TYPE_CHECKING:
    from diracmq_cli.core.address import Address
    from diracmq_cli.core.model import MessagingModel, QueueSpec
    from diracmq_cli.wiring.setup import Setup

_ALL = "dirac-mq list shows all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is asked for: shell patterns of names or addresses (none: everything), of one service, of one broker."""

    patterns: tuple[str, ...] = ()
    service: str | None = None
    broker: str | None = None

    @property
    def is_exact(self) -> bool:
        """Whether every pattern is a name, which may be found without knowing all that there are."""
        return bool(self.patterns) and not any(char in pattern for pattern in self.patterns for char in "*?[")

    def of(self, model: MessagingModel) -> MessagingModel:
        """The part of the model that the service holds, as the broker changes it.

        Raises:
            UnknownDestination: there is no such service.
        """
        if self.service is not None:
            model = on_service(model, self.service)
        return model if self.broker is None else on_broker(model, self.broker)

    def chooses(self, address: Address) -> bool:
        """Whether a queue is meant."""
        return not self.patterns or any(_fits(address, pattern) for pattern in self.patterns)

    def check(self, model: MessagingModel) -> None:
        """Refuse a model that lacks any of the names.

        Raises:
            UnknownDestination: it does.
        """
        addresses = [queue.address for queue in model.queues] + [address for address, _ in model.refused]
        for pattern in self.patterns:
            if not any(_fits(address, pattern) for address in addresses):
                raise UnknownDestination(f"no queue is called {pattern}", hint=_ALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The queues that were found, the entries that cannot be read, and why it may not be all."""

    queues: tuple[QueueSpec, ...]
    refused: tuple[ConfigError, ...]
    failure: MQError | None


def select(setup: Setup, choice: Choice) -> Selection:
    """Find the queues: names that the local files know there, everything else in the CS.

    Where the CS cannot be asked, what the local files know is found, and ``failure`` says why it may not be all.

    Raises:
        UnknownDestination: no queue is meant.
        MQError: the local files cannot be read, or know none and the CS cannot be asked.
    """
    cs = setup.cs
    failure: MQError | None = None
    try:
        if choice.is_exact:
            cs.find(lambda model: choice.check(choice.of(model)))
        else:
            cs.everything()
    except MQError as error:
        failure = error
    try:
        model = choice.of(cs.current.model)
    except UnknownDestination as error:
        raise failure or error from error
    queues = tuple(queue for queue in model.queues if choice.chooses(queue.address))
    refused = tuple(error for address, error in model.refused if choice.chooses(address))
    if not queues and not refused:
        raise failure or _nothing(cs.current.model, choice.patterns)
    return Selection(queues=queues, refused=refused, failure=failure)


def _fits(address: Address, pattern: str) -> bool:
    return any(fnmatchcase(name, pattern) for name in (address.name, str(address)))


def _nothing(model: MessagingModel, patterns: Sequence[str]) -> UnknownDestination:
    if patterns and model.queues:
        return UnknownDestination(f"no queue is called {' or '.join(patterns)}", hint=_ALL)
    files = ", ".join(model.files)
    return UnknownDestination(
        f"no queue is defined in {files}" if files else "no configuration was found",
        hint="point to one with --cfg FILE or DIRACSYSCONFIG",
    )
