"""A consumer as the CS describes it: ``/Systems/<System>/Consumers/<Name>``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.core.model import OriginLevel, Principals, Source

MAX_TRIES = 5
RETRY_DELAY = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerSpec:
    """Its options, typed. Durations are in seconds.

    ``name`` is ``System/Name``. ``prefetch`` is how many messages of each queue are in hand, None for what suits the
    module. ``origin`` and ``allowed`` are asked for beside what the queues ask for. ``module`` is the name of an entry
    point, ``package.module:Class``, or None for DIRAC's ``<System>System.Consumer.<Name>``.
    """

    name: str
    source: Source
    module: str | None
    queues: tuple[str, ...]
    stopped: bool = False
    concurrency: int = 1
    prefetch: int | None = None
    max_tries: int = MAX_TRIES
    retry_delay: float = RETRY_DELAY
    max_messages: int | None = None
    execute_timeout: float | None = None
    origin: OriginLevel | None = None
    allowed: Principals | None = None
    reject_to: str | None = None
    control_directory: str | None = None
    log_level: str = "INFO"
    metrics_port: int | None = None
    metrics_address: str = "127.0.0.1"
    metrics_file: str | None = None
    health_file: str | None = None
    monitoring_interval: float = 60.0
