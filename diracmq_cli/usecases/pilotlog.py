"""``PilotLog``: what pilots say, appended to one file for each pilot."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from diracmq_cli.consumer import ConsumerModule, Reject, Retry
from diracmq_cli.errors import ConfigError, OutputError
from diracmq_cli.output.escape import visible
from diracmq_cli.usecases import options
from diracmq_cli.usecases.pilots import Bounds, NoPilot, PilotStore, read_message

if TYPE_CHECKING:
    from diracmq_cli.consumer import Job

_NAMED = 5
"""Removed pilots that the log names at a time."""


class PilotLog(ConsumerModule):
    """Appends lines, and the six fields of DIRAC's status messages, to the logs of their pilots (see the man page).

    A message is acknowledged when its lines are on the disk. The first sender to use a pilot's id owns it; a message of
    another's is rejected and counted as ``foreign_pilot``.

    Options: ``Directory``, ``MaxFileSize``, ``MaxFiles``, ``MaxPilots``, ``MaxTotalSize``.
    """

    single = True

    def initialize(self) -> None:
        """Open the directory.

        Raises:
            ConfigError, OutputError: the options are wrong, or the directory cannot be used.
        """
        bounds = Bounds(
            file=options.size(self, "MaxFileSize", "10M"),
            files=options.number(self, "MaxFiles", 5),
            pilots=options.number(self, "MaxPilots", 100_000),
            total=options.size(self, "MaxTotalSize", "10G"),
        )
        if bounds.total < bounds.file * bounds.files:
            raise ConfigError(
                f"MaxTotalSize of {self.name} is less than MaxFileSize times MaxFiles, which one pilot may come to"
            )
        self._store = PilotStore(options.directory(self), bounds)

    def execute(self, message: Job) -> None:
        """Take the lines of one message.

        Raises:
            Reject: nobody vouches for its sender, it names no pilot, or another's.
            Retry: the disk refuses.
        """
        sender = message.sender
        if sender is None:
            self.count("unproved")
            raise Reject("nobody vouches for its sender, who could be any pilot")
        try:
            said = read_message(message.delivery, time.time())
        except NoPilot as error:
            self.count("no_pilot")
            raise Reject(str(error)) from None
        try:
            owner = self._store.claim(said.pilot, sender)
            if owner != sender:
                self.count("foreign_pilot")
                raise Reject(f"pilot {visible(said.pilot)} belongs to {owner}, not to {sender}")
            if not self._store.add(said.pilot, owner, message.id, said.lines, finished=said.finished):
                self.count("repeated")
        except OutputError as error:
            raise Retry(str(error)) from error

    def flush(self) -> None:
        """Bring what was taken to the disk.

        Raises:
            Retry: the disk refuses.
        """
        try:
            removed = self._store.flush()
        except OutputError as error:
            raise Retry(str(error)) from error
        for _ in removed:
            self.count("removed_pilot")
        if removed:
            named = ", ".join(map(visible, removed[:_NAMED])) + (", …" if len(removed) > _NAMED else "")
            self.log.warning(
                "logs of %d pilots removed to make room (MaxPilots, MaxTotalSize): %s", len(removed), named
            )

    def finalize(self) -> None:
        """Let go of the directory."""
        self._store.close()
