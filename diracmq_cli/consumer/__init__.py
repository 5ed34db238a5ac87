"""Consumers as DIRAC components: modules that handle messages, and the host that runs them (``dirac-consumer``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.consumer.job import Job
    from diracmq_cli.consumer.module import ConsumerModule
    from diracmq_cli.consumer.outcomes import Reject, Retry

__all__ = ["ConsumerModule", "Job", "Reject", "Retry"]

_HOMES = {"ConsumerModule": "module", "Job": "job", "Reject": "outcomes", "Retry": "outcomes"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(name)
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
