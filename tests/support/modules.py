"""A consumer's module by itself, without a host or a broker: its options, the messages that it is given, its counts."""

from __future__ import annotations

import resource
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from support.deliveries import BROKER, a_delivery

from diracmq_cli.consumer import ConsumerModule, Job
from diracmq_cli.consumer.module import Surroundings
from diracmq_cli.core.message import Delivery
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.wiring.setup import Choices, Setup

M = TypeVar("M", bound=ConsumerModule)


class NoForwarding:
    """Nothing that is tested here publishes."""

    def forward(self, *_: object) -> str:
        raise AssertionError("nobody asked for this")


def made(kind: type[M], **options: Any) -> tuple[M, Counter[str]]:
    """A module that is initialized, and what it has counted."""
    counts: Counter[str] = Counter()
    surroundings = Surroundings(
        name="Test/Module",
        options=lambda name, default: options.get(name, default),
        queues=("dev::Queues::demo.jobs",),
        worker=0,
        concurrency=1,
        setup=Setup(Choices(environment={})),
        count=lambda name: counts.update([name]),
    )
    module = kind(surroundings)
    module.initialize()
    return module, counts


def a_job(delivery: Delivery | None = None, origin: Verdict = BROKER) -> Job:
    """A message that has come for the first time."""
    return Job(delivery or a_delivery(), origin, address="dev::Queues::demo.jobs", tries=0, forwarding=NoForwarding())


@contextmanager
def limited_files(octets: int) -> Iterator[None]:
    """No file may become longer than ``octets``."""
    allowed = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, allowed)
