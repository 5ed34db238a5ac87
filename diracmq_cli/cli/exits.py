"""From errors to exit statuses: the one place where our error tree meets the process."""

from __future__ import annotations

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec

import typer

from diracmq_cli.errors import ExitStatus, MQError

P = ParamSpec("P")


@contextmanager
def reporting(program: str, *, debug: bool = False) -> Iterator[None]:
    """Turn what escapes the block into a message on stderr and an exit status.

    Args:
        program: the command's name, as the messages begin with it.
        debug: show the traceback of our own errors too.
    """
    try:
        yield
    except MQError as error:
        if debug:
            traceback.print_exception(error)
        tell(program, error)
        raise typer.Exit(error.exit_status) from None
    except BrokenPipeError:
        die_of(signal.SIGPIPE)
    except KeyboardInterrupt:
        die_of(signal.SIGINT)


def tell(program: str, error: MQError) -> None:
    """Write ``program: error: …`` and, if there is one, ``program: hint: …`` to stderr."""
    lines = [f"{program}: error: {error}"]
    if error.hint:
        lines.append(f"{program}: hint: {error.hint}")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def exits(program: str) -> Callable[[Callable[P, ExitStatus | int | None]], Callable[P, None]]:
    """Decorate a command that needs nothing but ``reporting``: its return value becomes the exit status."""

    def decorate(command: Callable[P, ExitStatus | int | None]) -> Callable[P, None]:
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with reporting(program):
                status = command(*args, **kwargs)
                if status:
                    raise typer.Exit(int(status))

        return run

    return decorate


def die_of(signum: signal.Signals) -> None:
    """End the process by the signal itself, so that a shell sees 130, 141 or 143; print nothing."""
    if signum is signal.SIGPIPE:
        # What the interpreter would flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
