"""Hand each message to a command: body on standard input, envelope on descriptor 3, the rest in the environment.

Both are files without a name, not pipes: a command that reads neither, or one before the other, blocks nobody.
The command runs in a session of its own, so that Ctrl-C reaches us and not it, and it cannot ask at our terminal.
"""

from __future__ import annotations

import errno
import os
import select
import signal
from collections.abc import Sequence
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

from diracmq_cli.core.envelope import encode
from diracmq_cli.errors import OutputError
from diracmq_cli.output.childend import EXIT_CANNOT_RUN, EXIT_NOT_FOUND, EXIT_REJECT, handled
from diracmq_cli.output.childenv import message_environment, without_message
from diracmq_cli.output.unnamed import unnamed_file

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Handled
    from diracmq_cli.core.verdict import Verdict

ENVELOPE_FD = 3

_RESTORED = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores, which a command would inherit."""


class Launcher:
    """Starts one command for each message (port ``Launcher``), any number at a time.

    Args:
        command: program and arguments (the program is looked up in PATH), or one string for ``/bin/sh -c``.
    """

    def __init__(self, command: Sequence[str] | str) -> None:
        self._command = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        self._environment = without_message(os.environb)
        self._running: dict[int, Command | Unstarted] = {}
        self._ends = select.epoll()

    def start(self, delivery: Delivery, verdict: Verdict, stdout: int | None = None) -> Command | Unstarted:
        """Start the command for one message; ``stdout``, not 0 to 3, is what it writes to in the place of ours.

        Raises:
            OutputError: the message cannot be handed over, or its command not be watched (no descriptors left).
        """
        envelope_line = encode(delivery, verdict).encode() + b"\n"
        with unnamed_file(delivery.message.body) as body, unnamed_file(envelope_line) as envelope:
            files = {0: body, ENVELOPE_FD: envelope} | ({} if stdout is None else {1: stdout})
            try:
                pid = os.posix_spawnp(
                    self._command[0],
                    self._command,
                    self._environment | message_environment(delivery, verdict),
                    file_actions=[(os.POSIX_SPAWN_DUP2, source, target) for target, source in files.items()],
                    setsid=True,
                    setsigmask=(),
                    setsigdef=_RESTORED,
                )
            except OSError as error:
                return self._watched(self._unstarted(error))
        try:
            return self._watched(Command(pid))
        except OSError as error:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise OutputError(f"cannot watch {self._command[0]}: {(error.strerror or str(error)).lower()}") from error

    def fileno(self) -> int:
        """A descriptor that is readable while ``ended`` would name a command."""
        return self._ends.fileno()

    def ended(self) -> list[Command | Unstarted]:
        """The commands that have ended, each named once."""
        ended = [fd for fd, _ in self._ends.poll(0)]
        for fd in ended:
            self._ends.unregister(fd)
        return [self._running.pop(fd) for fd in ended]

    def _watched(self, child: Command | Unstarted) -> Command | Unstarted:
        self._ends.register(child.fileno(), select.EPOLLIN)
        self._running[child.fileno()] = child
        return child

    def _unstarted(self, error: OSError) -> Unstarted:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            code = EXIT_NOT_FOUND
        elif error.errno == errno.E2BIG and self._fits_without_message():
            code = EXIT_REJECT
        else:
            code = EXIT_CANNOT_RUN
        reason = (error.strerror or str(error)).lower()
        return Unstarted(handled(code, why=f"cannot run {self._command[0]}: {reason}"))

    def _fits_without_message(self) -> bool:
        """Whether arguments and environment would do but for the message's part; if not, it is not to blame.

        Only starting something tells: the limit depends on the kernel and on the stack's (execve(2)).
        """
        silent = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_RDWR, 0) for fd in range(3)]
        try:
            pid = os.posix_spawn("/bin/true", self._command, self._environment, file_actions=silent)
        except OSError:
            return False
        os.waitpid(pid, 0)
        return True


class Command:
    """A running command (port ``Child``)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._watcher: Thread | None = None
        try:
            self._fd = os.pidfd_open(pid)
        except OSError as error:
            if error.errno not in (errno.ENOSYS, errno.EPERM):  # Linux before 5.3, or a container that hides it
                raise
            self._fd = os.eventfd(0)
            self._watcher = Thread(target=self._watch, daemon=True)
            self._watcher.start()
        self._told_to_end = False
        self._handled: Handled | None = None

    def fileno(self) -> int:
        """A descriptor that becomes readable when the command has ended (pidfd_open(2))."""
        return self._fd

    def terminate(self) -> None:
        """Ask the command, and all it started, to end (SIGTERM); called again, end them (SIGKILL)."""
        if self._handled is not None:
            return
        self._signal(signal.SIGKILL if self._told_to_end else signal.SIGTERM)
        self._signal(signal.SIGCONT)  # one that is stopped would not notice
        self._told_to_end = True

    def result(self) -> Handled:
        """What the command made of the message; waits for its end."""
        if self._handled is None:
            self._await_end()
            if self._watcher is not None:
                self._watcher.join()
            if self._told_to_end:
                self._signal(signal.SIGKILL)  # whatever it started and left behind
            _, status = os.waitpid(self.pid, 0)
            os.close(self._fd)
            self._handled = handled(os.waitstatus_to_exitcode(status), told_to_end=self._told_to_end)
        return self._handled

    def _await_end(self) -> None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)

    def _watch(self) -> None:
        self._await_end()
        os.eventfd_write(self._fd, 1)

    def _signal(self, number: signal.Signals) -> None:
        """Signal the command's process group, whose number is its own as long as it has not been reaped."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)


class Unstarted:
    """A command that could not be started (port ``Child``): it has ended before it began."""

    def __init__(self, result: Handled) -> None:
        self._result = result
        self._fd = os.eventfd(1)

    def fileno(self) -> int:
        """A descriptor that is readable."""
        return self._fd

    def terminate(self) -> None:
        """Nothing is there to be ended."""

    def result(self) -> Handled:
        """Why it could not be started, and what follows for the message."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        return self._result
