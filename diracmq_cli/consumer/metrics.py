"""A consumer's figures as Prometheus has them (needs prometheus_client, the extra ``consumer``)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from diracmq_cli.consumer.figures import BOUNDS, Event
from diracmq_cli.consumer.usage import cpu_seconds, resident_octets, started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Metric

    from diracmq_cli.consumer.figures import Figures, Snapshot

_PREFIX = "dirac_consumer_"

_EVENTS = {
    Event.RECEIVED: ("messages_received", "Messages taken from the queue and given to a worker."),
    Event.HANDLED: ("messages_handled", "Messages that the module has handled, acknowledged."),
    Event.FAILED: ("tries_failed", "Tries that failed; the message comes again, or is dead-lettered."),
    Event.RETRIED: ("messages_retried", "Times that the module put a message off (Retry)."),
    Event.DEAD_LETTERED: ("messages_dead_lettered", "Messages given up: rejected, or failed too often."),
    Event.REFUSED: ("messages_refused", "Messages refused by their origin, before any module saw them."),
    Event.FORWARDED: ("messages_forwarded", "Messages that the module published elsewhere, confirmed."),
    Event.RETURNED: ("messages_returned", "Messages put back unhandled: at a stop, or after too long in hand."),
    Event.LOST: ("messages_lost", "Messages settled in vain, since their connection was lost: they come again."),
    Event.RECONNECTED: ("reconnects", "Connections to the broker made anew."),
}
"""What each event is called, and what it is; ``_total`` is put behind it."""


class Metrics(Collector):
    """Collects the figures of a consumer; everything has the label ``component``.

    Names and labels are an API, as people's alerts hang on them. Counters of events are there from the beginning, so
    that a rate can be had of the first one.

    Args:
        component: ``System/Name``.
        queues: the addresses that it takes from.
    """

    def __init__(self, component: str, queues: tuple[str, ...], figures: Figures) -> None:
        self._component, self._queues, self._figures = component, queues, figures

    def collect(self) -> Iterator[Metric]:
        """See ``prometheus_client``."""
        now = self._figures.snapshot()
        yield from self._events(now)
        yield self._own(now)
        yield self._executions(now)
        yield self._gauge("longest_execute_seconds", "The longest execution of a message so far.", now.longest)
        yield self._gauge("messages_in_hand", "Messages taken and not yet settled.", now.in_hand)
        yield self._gauge("queues", "Queues that it takes from.", len(self._queues))
        yield self._gauge("queues_connected", "Queues that are being read now.", now.connected)
        if now.connected:
            silent = max(0.0, time.monotonic() - now.last_heard)
            yield self._gauge("broker_silent_seconds", "Seconds since a broker gave a sign of life.", silent)
        yield self._gauge("resident_memory_bytes", "Resident memory of the process.", resident_octets())
        yield self._gauge("start_time_seconds", "When the process was started, in seconds of the epoch.", started())
        cpu = CounterMetricFamily(
            f"{_PREFIX}cpu_seconds", "Processor time, with that of children that have ended.", labels=["component"]
        )
        cpu.add_metric([self._component], cpu_seconds())
        yield cpu

    def _events(self, now: Snapshot) -> Iterator[Metric]:
        queues = sorted({*self._queues, *(queue for queue, _ in now.events)})
        for event, (name, meaning) in _EVENTS.items():
            family = CounterMetricFamily(_PREFIX + name, meaning, labels=["component", "queue"])
            for queue in queues:
                family.add_metric([self._component, queue], now.events[queue, event])
            yield family

    def _own(self, now: Snapshot) -> Metric:
        family = CounterMetricFamily(
            f"{_PREFIX}module", "What the module counts itself, by name.", labels=["component", "name"]
        )
        for name, count in sorted(now.own.items()):
            family.add_metric([self._component, name], count)
        return family

    def _executions(self, now: Snapshot) -> Metric:
        family = HistogramMetricFamily(
            f"{_PREFIX}execute_seconds", "Seconds that the module took for a message.", labels=["component"]
        )
        bounds = [*map(str, BOUNDS), "+Inf"]
        family.add_metric([self._component], list(zip(bounds, now.buckets, strict=True)), now.seconds)
        return family

    def _gauge(self, name: str, meaning: str, value: float) -> Metric:
        family = GaugeMetricFamily(_PREFIX + name, meaning, labels=["component"])
        family.add_metric([self._component], value)
        return family
