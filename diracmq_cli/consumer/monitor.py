"""Lets others see how a consumer is, by whatever its section in the CS asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.consumer.activity import Activity
from diracmq_cli.consumer.health import HealthFile, State
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diracmq_cli.consumer.exposition import Exposition
    from diracmq_cli.consumer.figures import Figures
    from diracmq_cli.consumer.worker import Worker
    from diracmq_cli.core.consumerspec import ConsumerSpec
    from diracmq_cli.wiring.setup import Setup


class Monitor:
    """Metrics, the health file and activity records of a consumer.

    Args:
        queues: the addresses that it takes from.
        workers: its workers, to see how long they have been at their messages.
        new_setup: makes what a thread needs to log in.

    """

    def __init__(
        self,
        spec: ConsumerSpec,
        figures: Figures,
        queues: tuple[str, ...],
        workers: list[Worker],
        new_setup: Callable[[], Setup],
    ) -> None:
        self._spec, self._figures, self._queues, self._workers = spec, figures, queues, workers
        self._exposition: Exposition | None = None
        self._health = None if spec.health_file is None else HealthFile(spec.health_file, spec.name)
        self._activity = Activity(spec.name, spec.monitoring_interval, figures, new_setup)

    def begin(self) -> None:
        """Before anything is taken: take the port, write the files.

        Raises:
            ConfigError: metrics are asked for and cannot be had.
            OutputError: a file cannot be written.
        """
        self._exposition = _exposition(self._spec, self._figures, self._queues)
        if self._health is not None:
            self._health.begin(self._figures.snapshot())
        self._activity.start()

    def tick(self, state: State) -> None:
        """Bring the files up to date; called once a second by the thread that watches over everything."""
        if self._health is not None:
            figures = self._figures.snapshot()
            if state is State.RUNNING and figures.connected < len(self._queues):
                state = State.DISCONNECTED
            self._health.tick(state, figures, self._longest_at_work())
        if self._exposition is not None:
            self._exposition.tick()

    def end(self) -> None:
        """It is over: the last figures, and no health any more."""
        self._activity.end()
        if self._exposition is not None:
            self._exposition.end()
        if self._health is not None:
            self._health.end()

    def _longest_at_work(self) -> float | None:
        return max((at.seconds for worker in self._workers if (at := worker.at) is not None), default=None)


def _exposition(spec: ConsumerSpec, figures: Figures, queues: tuple[str, ...]) -> Exposition | None:
    if spec.metrics_port is None and spec.metrics_file is None:
        return None
    try:
        from diracmq_cli.consumer.exposition import Exposition
        from diracmq_cli.consumer.metrics import Metrics
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        raise ConfigError(
            f"MetricsPort and MetricsFile of {spec.source} need prometheus_client, which is not installed",
            hint="pip install 'diracmq-cli[consumer]'",
        ) from error
    return Exposition(spec, Metrics(spec.name, queues, figures))
