"""What an operator should know before a broker is set up as the CS says: legal, and probably not what is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from diracmq_cli.admin.bounds import is_bounded
from diracmq_cli.admin.permissions import users
from diracmq_cli.core.model import MessagingModel, QueueSpec, QueueType

if TYPE_CHECKING:
    from diracmq_cli.core.registry import Registry


def concerns(model: MessagingModel) -> Iterator[str]:
    """Warnings about the queues of one broker and its passwords, as the CS has them, one sentence each."""
    for spec in model.queues:
        yield from _size(spec)
    named = {service.user for service in model.services if service.user is not None}
    for service in model.services:
        if service.user is not None and service.password is None:
            yield (
                f"{service.source}: no Password for {service.user} in the local CFG: it cannot log in until the broker "
                f"is told one (rabbitmqctl change_password {service.user})"
            )
    if not named:
        for spec in model.queues:
            for login in sorted({*spec.publishers.users, *spec.consumers.users, *spec.watchers.users}):
                yield f"{spec.source}: user:{login} cannot log in: PLAIN is offered only where an entry names a User"


def pilot_concerns(model: MessagingModel, registry: Registry) -> Iterator[str]:
    """Warnings about DNs that pilots run under and that may do more than publish.

    The broker sees a DN, not the group in a proxy: a right that somebody has as a user, his pilots have too, and so
    has whoever gets hold of a pilot's proxy on a worker node.
    """
    pilots = registry.pilots()
    for spec in model.queues:
        for option, principals in (
            ("Consumers", spec.consumers),
            ("Watchers", spec.watchers),
            ("Operators", spec.operators),
        ):
            for dn in users(principals, registry, spec.source):
                if dn in pilots:
                    yield f"{spec.source}: {option} reaches {dn}, under which pilots run: every pilot gets that right"


def _size(spec: QueueSpec) -> Iterator[str]:
    if not is_bounded(spec):
        yield f"{spec.source}: the queue has no MaxLengthBytes and gets 10 GB"
    elif spec.type is QueueType.CLASSIC and spec.overflow is None:
        yield (
            f"{spec.source}: when the queue is full its oldest messages are dropped, confirmed or not; "
            "Overflow = reject-publish refuses new ones instead"
        )
