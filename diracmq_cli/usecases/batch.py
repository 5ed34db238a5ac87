"""``Batch``: messages as files of envelopes, for a shipper to pick up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.consumer import ConsumerModule, Retry
from diracmq_cli.core.envelope import encode
from diracmq_cli.errors import ConfigError, OutputError
from diracmq_cli.usecases import options
from diracmq_cli.usecases.batchfiles import BatchFiles

if TYPE_CHECKING:
    from diracmq_cli.consumer import Job


class Batch(ConsumerModule):
    """Writes each message as one line (its envelope) to files that are closed by size or time.

    A message is acknowledged when its line is on the disk. While more than ``MaxTotalSize`` waits to be picked up,
    messages stay in the queue.

    Options: ``Directory``, ``Prefix``, ``MaxSize``, ``MaxAge``, ``MaxTotalSize``.
    """

    single = True

    def initialize(self) -> None:
        """Open the directory, and close what a crash has left open.

        Raises:
            ConfigError, OutputError: the options are wrong, or the directory cannot be used.
        """
        self._most, size = options.size(self, "MaxTotalSize", "1G"), options.size(self, "MaxSize", "10M")
        if self._most < size:
            raise ConfigError(f"MaxTotalSize of {self.name} is less than MaxSize, so that no file would become full")
        self._files = BatchFiles(
            options.directory(self),
            self.option("Prefix", "messages"),
            size=size,
            age=options.duration(self, "MaxAge", "1m"),
        )
        if self._files.recovered:
            self.log.info("closed %d files that were left open", self._files.recovered)
        self._lines: list[bytes] = []
        self._room = 0

    def execute(self, message: Job) -> None:
        """Take one message.

        Raises:
            Retry: enough waits to be picked up, or the disk refuses.
        """
        line = encode(message.delivery, message.origin).encode() + b"\n"
        if len(line) > self._room:
            self._look_for_room(len(line))
        self._room -= len(line)
        self._lines.append(line)

    def flush(self) -> None:
        """Bring what was taken to the disk; close the file if it is full or old.

        Raises:
            Retry: the disk refuses.
        """
        lines, self._lines = self._lines, []
        try:
            if lines:
                self._files.append(lines)
            self._files.close_old()
        except OutputError as error:
            raise Retry(str(error)) from error

    def finalize(self) -> None:
        """Close the file."""
        try:
            self._files.close_file()
        finally:
            self._files.close()

    def _look_for_room(self, wanted: int) -> None:
        """Count what waits to be picked up, which only ever becomes less behind our back."""
        taken = sum(map(len, self._lines))
        try:
            taken += self._files.waiting()
        except OutputError as error:
            raise Retry(str(error)) from error
        self._room = self._most - taken
        if taken and wanted > self._room:
            self.count("no_room")
            raise Retry("files that nobody has picked up have come to MaxTotalSize")
