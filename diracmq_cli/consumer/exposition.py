"""Where metrics are to be had: at a port, in a file, or both."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from diracmq_cli.consumer.statusfile import StatusFile
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.consumer.metrics import Metrics
    from diracmq_cli.core.consumerspec import ConsumerSpec

EVERY = 15.0
"""Seconds between two writings of the file."""


class Exposition:
    """Serves ``MetricsPort`` and writes ``MetricsFile``, with a registry of its own.

    The file is for the textfile collector of Prometheus's node_exporter, which wants it replaced as a whole.

    Raises:
        ConfigError: the port cannot be had.
        OutputError: the file cannot be written.
    """

    def __init__(self, spec: ConsumerSpec, metrics: Metrics) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(metrics)
        self._file = None if spec.metrics_file is None else StatusFile(spec.metrics_file, "MetricsFile")
        if self._file is not None:
            self._file.begin(self._text())
        self._written = time.monotonic()
        self._server = None
        if spec.metrics_port is not None:
            try:
                self._server, _ = start_http_server(spec.metrics_port, spec.metrics_address, self._registry)
            except OSError as error:
                raise ConfigError(
                    f"MetricsPort = {spec.metrics_port} of {spec.source}: cannot listen on {spec.metrics_address}: "
                    f"{error.strerror}",
                    hint="each consumer on a host needs a port of its own: -o MetricsPort=PORT",
                ) from error

    def tick(self) -> None:
        """Write the file if it is time."""
        if time.monotonic() - self._written >= EVERY:
            self._write()

    def end(self) -> None:
        """Write the file for the last time, and serve no more."""
        self._write()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def _write(self) -> None:
        if self._file is not None:
            self._file.replace(self._text())
        self._written = time.monotonic()

    def _text(self) -> str:
        return generate_latest(self._registry).decode()
