"""From errors to exit statuses: the one place where our error tree meets the process."""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, ParamSpec

import typer

from diracmq_cli.errors import ExitStatus, MQError

if TYPE_CHECKING:
    from diracmq_cli.cli.flags import Talk
    from diracmq_cli.wiring.console import Console

P = ParamSpec("P")


@contextmanager
def running(verb: str, talk: Talk) -> Iterator[Console]:
    """Run a command's body: errors are told and become the exit status, signals ask for a clean end.

    What the body leaves for afterwards (``Console.afterwards``) is done when its end has been told, unless a signal
    ended it.
    """
    program = f"dirac-mq-{verb}"
    with ExitStack() as afterwards, reporting(program, debug=talk.debug):
        from diracmq_cli.wiring.console import Console
        from diracmq_cli.wiring.logs import start_logging
        from diracmq_cli.wiring.signals import StopSignals

        start_logging(program, talk.debug_level)
        with StopSignals() as stop:
            yield Console.of_process(
                program,
                stop,
                json=talk.json,
                quiet=talk.quiet,
                verbose=talk.verbose,
                color=talk.color,
                afterwards=afterwards,
            )


@contextmanager
def reporting(program: str, *, debug: bool = False) -> Iterator[None]:
    """Turn what escapes the block into a message on stderr and an exit status.

    Args:
        program: the command's name, as the messages begin with it.
        debug: show the traceback of our own errors too.
    """
    try:
        yield
    except BrokenPipeError:
        _die_of(signal.SIGPIPE)
    except KeyboardInterrupt:
        _die_of(signal.SIGINT)
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if debug:
            import traceback

            traceback.print_exception(error)
        told = _as_ours(error, debug=debug)
        tell(program, told)
        raise typer.Exit(told.exit_status) from None


def tell(program: str, error: MQError) -> None:
    """Write ``program: error: …`` and, if there is one, ``program: hint: …`` to stderr."""
    from diracmq_cli.output.escape import visible

    lines = [f"{program}: error: {visible(str(error))}"]
    if error.hint:
        lines.append(f"{program}: hint: {visible(error.hint)}")
    sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()


def _as_ours(error: Exception, *, debug: bool) -> MQError:
    """The error to tell: itself, unless it comes from outside our tree."""
    if isinstance(error, MQError):
        return error
    if isinstance(error, ImportError):
        from diracmq_cli.credentials.lacking import lacks_m2crypto, without_m2crypto

        if lacks_m2crypto(error):
            return without_m2crypto(error)
    return _mistake_of_ours(error, debug=debug)


def _mistake_of_ours(error: Exception, *, debug: bool) -> MQError:
    """What to say of an exception that nobody foresaw: where it was raised, not what it says (a body, a password)."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = "" if trace is None else f" in {trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
    return MQError(
        f"internal error: {type(error).__name__}{place}",
        hint="please report it" + ("" if debug else "; the same with --debug shows more"),
    )


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


def _die_of(signum: signal.Signals) -> None:
    from diracmq_cli.wiring.signals import die_of

    die_of(signum)
