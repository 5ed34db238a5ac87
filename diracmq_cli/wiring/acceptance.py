"""What flags and CS ask of a message's origin, and how it is told what was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.core.policy import AcceptancePolicy, Refused, read_allowed
from diracmq_cli.core.registry import Registry
from diracmq_cli.errors import ConfigError, UsageError
from diracmq_cli.operations.screening import Screen
from diracmq_cli.wiring.judging import judge_for

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import OriginLevel, Principals, QueueSpec
    from diracmq_cli.core.ports import Seen
    from diracmq_cli.wiring.console import Console
    from diracmq_cli.wiring.setup import Setup


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustOptions:
    """The flags: the level asked for, a file of those who are allowed, and for how many seconds a signature counts.

    ``allowed`` is what a program has in the place of a file, or beside it.
    """

    require: OriginLevel | None = None
    allow_dn: str | None = None
    allowed: Principals | None = None
    max_age: float | None = None


def screen_for(
    queue: QueueSpec, trust: TrustOptions, setup: Setup, console: Console, *, seen: Seen | None = None
) -> Screen:
    """What judges messages of ``queue`` and refuses those that flags or CS do not accept; says so of each with -v.

    Raises:
        UsageError: the file of ``--allow-dn`` cannot be read.
        ConfigError: a line of it is no DN, or the CS names a group that it does not know.
    """

    def tell(delivery: Delivery, refused: Refused) -> None:
        if console.verbose:
            message_id = delivery.message.properties.message_id
            console.talk.info(f"message {message_id} is not accepted ({refused.code}): {refused.reason}")

    return Screen(judge_for(queue, setup, trust.max_age), policy_for(queue, trust, setup), seen, tell)


def policy_for(queue: QueueSpec, trust: TrustOptions, setup: Setup) -> AcceptancePolicy | None:
    """The stricter of what the flags and what the CS asks for; None where neither asks for anything.

    Raises:
        UsageError, ConfigError: as ``screen_for``.
    """
    levels = [level for level in (trust.require, queue.origin) if level is not None]
    lists = [allowed for allowed in (queue.allowed, trust.allowed) if allowed is not None]
    if trust.allow_dn is not None:
        lists.append(allowed_by_file(trust.allow_dn))
    if not levels and not lists:
        return None
    require = max(levels, key=lambda level: level.rank, default=None)
    groups = tuple(group for allowed in lists for group in allowed.groups)
    try:
        return AcceptancePolicy.of(require, lists, _registry(setup, groups))
    except ConfigError as error:
        raise ConfigError(f"AllowedGroups of {queue.source}: {error}") from error


def allowed_by_file(path: str) -> Principals:
    """Those whom the file of ``--allow-dn`` names.

    Raises:
        UsageError: it cannot be read.
        ConfigError: a line of it is no DN and no ``user:NAME``.
    """
    try:
        text = Path(path).read_text(errors="surrogateescape")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"--allow-dn: cannot read {path}: {reason}") from error
    return read_allowed(text, path)


def refused_text(refused: Counter[str], what: str) -> str:
    """``3 messages left out, not accepted: 2 rerouted, 1 origin-too-weak``; ``what`` says what became of them."""
    total = refused.total()
    reasons = ", ".join(f"{count} {code}" for code, count in refused.most_common())
    return f"{total} {'message' if total == 1 else 'messages'} {what}, not accepted: {reasons}"


def _registry(setup: Setup, groups: tuple[str, ...]) -> Registry:
    """``/Registry``, from the CS where the local files do not know every one of ``groups``."""
    from diracmq_cli.config import read_registry

    if not groups:
        return Registry()
    registry = read_registry(setup.configuration)
    if all(group in registry.groups for group in groups):
        return registry
    setup.cs.everything()
    return read_registry(setup.configuration)
