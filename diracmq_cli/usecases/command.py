"""``Command``: an operator's own program for each message, told of it as ``dirac-mq consume -- PROGRAM`` tells it."""

from __future__ import annotations

import os
import select
import shlex
import shutil
from typing import TYPE_CHECKING

from diracmq_cli.consumer import ConsumerModule, Reject, Retry
from diracmq_cli.core.message import MAX_BODY
from diracmq_cli.errors import ConfigError, MQError
from diracmq_cli.output.child import Launcher
from diracmq_cli.output.childend import EXIT_REJECT, EXIT_REQUEUE
from diracmq_cli.output.unnamed import unnamed_file
from diracmq_cli.usecases import options

if TYPE_CHECKING:
    from diracmq_cli.consumer import Job
    from diracmq_cli.core.message import Handled

KILL_GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL for a command that is out of time."""


class CommandFailed(MQError):
    """A command failed at its message: one try."""


class Command(ConsumerModule):
    """Runs a command for each message: exit 0 is done, 75 later, 65 dead-letter, all else a failed try.

    Options: ``Command`` (program and arguments, quoted as for a shell) or ``Shell`` (what ``/bin/sh -c`` runs);
    ``Timeout``; ``ForwardTo``, where what a successful command wrote to its standard output is published before the
    message is acknowledged.
    """

    def initialize(self) -> None:
        """Read the options.

        Raises:
            ConfigError: they are wrong, or there is no such program.
            UnknownDestination: there is no such queue to forward to.
        """
        self._launcher = Launcher(self._command())
        self._timeout = options.duration(self, "Timeout", "1h")
        self._forward_to = self.option("ForwardTo", "")
        if self._forward_to:
            self.surroundings.setup.target(self._forward_to)

    def execute(self, message: Job) -> None:
        """Run the command for one message.

        Raises:
            Retry, Reject: it said so.
            CommandFailed: it ended in another way than with 0, or wrote more than a message may hold.
        """
        if not self._forward_to:
            _judge(self._run(message))
            return
        with unnamed_file(b"") as output:
            _judge(self._run(message, output))
            size = os.fstat(output).st_size
            if size > MAX_BODY:
                raise CommandFailed(f"the command wrote {size} octets, more than the {MAX_BODY} of a message")
            if size:
                message.forward(self._forward_to, os.pread(output, size, 0))
                self.count("forwarded")

    def _command(self) -> list[str] | str:
        command, shell = self.option("Command", ""), self.option("Shell", "")
        if bool(command) == bool(shell):
            both = "both Command and Shell" if command else "neither Command nor Shell"
            raise ConfigError(f"{self.name} has {both}", hint="give its section one of them")
        if shell:
            return shell
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise ConfigError(f"Command of {self.name}: {str(error).lower()}") from None
        if not words or shutil.which(words[0]) is None:
            raise ConfigError(f"Command of {self.name}: no program {words[0] if words else ''!r} can be run")
        return words

    def _run(self, message: Job, stdout: int | None = None) -> Handled:
        child = self._launcher.start(message.delivery, message.origin, stdout)
        if not self._ends_within(self._timeout):
            child.terminate()
            if not self._ends_within(KILL_GRACE):
                child.terminate()
                self._ends_within(None)
        self._launcher.ended()
        return child.result()

    def _ends_within(self, seconds: float | None) -> bool:
        watch = select.poll()
        watch.register(self._launcher.fileno(), select.POLLIN)
        return bool(watch.poll(None if seconds is None else seconds * 1000))


def _judge(handled: Handled) -> None:
    """What the end of a command says of its message."""
    if handled.code == EXIT_REQUEUE:
        raise Retry(f"the command said so ({handled.detail})")
    if handled.code == EXIT_REJECT:
        raise Reject(f"the command refused it ({handled.detail})")
    if handled.code != 0:
        raise CommandFailed(f"the command failed: {handled.detail}")
