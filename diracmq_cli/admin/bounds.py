"""Every queue has an end: one that nobody bounds fills the disk, and then every queue of the broker stands still."""

from __future__ import annotations

from dataclasses import replace

from diracmq_cli.core.model import MessagingModel, Overflow, QueueSpec, QueueType

DEFAULT_OCTETS = 10 * 1000**3
"""What a queue without any bound of its own may hold: 10 GB."""


def bounded(model: MessagingModel) -> MessagingModel:
    """The model with a bound on every queue.

    A queue that gets its bound here refuses what it cannot hold, unless the CS says Overflow: dropping the oldest
    message would lose what was confirmed. A stream can only drop.
    """
    return replace(model, queues=tuple(_bounded(spec) for spec in model.queues))


def is_bounded(spec: QueueSpec) -> bool:
    """Whether the CS says itself how much the queue may hold; the age of a stream is no bound on its size."""
    if spec.type is QueueType.STREAM:
        return spec.max_length_bytes is not None
    return spec.max_length is not None or spec.max_length_bytes is not None


def _bounded(spec: QueueSpec) -> QueueSpec:
    if is_bounded(spec):
        return spec
    overflow = spec.overflow
    if spec.type is not QueueType.STREAM and overflow is None:
        overflow = Overflow.REJECT_PUBLISH
    return replace(spec, max_length_bytes=DEFAULT_OCTETS, overflow=overflow)
