"""``dirac-mq devbroker``: a private RabbitMQ to try things on."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from diracmq_cli.cli.exits import exits
from diracmq_cli.devbroker.roles import Role
from diracmq_cli.errors import ExitStatus

PROGRAM = "dirac-mq devbroker"

app = typer.Typer(
    name="devbroker",
    help="A private RabbitMQ with its own CA, users and proxies, for trying and testing.",
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
)

Directory = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        metavar="DIR",
        help="Where it lives; default: $XDG_STATE_HOME/dirac-mq/devbroker or the same under ~/.local/state.",
        show_default=False,
    ),
]


@app.command()
@exits(PROGRAM)
def up(directory: Directory = None) -> None:
    """Make a devbroker unless it is there, and start it."""
    from diracmq_cli import devbroker

    devbroker.up(directory, _say)
    _say(f'next: eval "$(dirac-mq devbroker env{_same(directory)})"')
    _say(f"end it with: dirac-mq devbroker down{_same(directory)}")


@app.command()
@exits(PROGRAM)
def env(
    directory: Directory = None,
    role: Annotated[Role, typer.Option("--as", help="Whose proxy to use.")] = Role.USER,
) -> None:
    """Print export lines for a shell to eval.

    They say whose proxy to use (X509_USER_PROXY), which authorities to trust (X509_CERT_DIR), which CFG to read
    (DIRACSYSCONFIG), and put the commands on the PATH.
    """
    from diracmq_cli import devbroker

    variables = devbroker.environment(directory, role)
    sys.stdout.write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


@app.command()
@exits(PROGRAM)
def status(
    directory: Directory = None,
    as_json: Annotated[bool, typer.Option("-j", "--json", help="One JSON object.")] = False,
) -> ExitStatus:
    """Say whether it runs, and on which ports.

    Exits 3 if it does not run.
    """
    from diracmq_cli import devbroker

    state = devbroker.status(directory)
    row = {
        "running": state.running,
        "pid": state.pid,
        "ports": asdict(state.ports),
        "dir": str(state.directory),
        "node": state.node,
    }
    if as_json:
        sys.stdout.write(json.dumps(row) + "\n")
    else:
        row["ports"] = " ".join(f"{name}={port}" for name, port in asdict(state.ports).items())
        row |= {"running": "yes" if state.running else "no", "pid": state.pid or "-"}
        sys.stdout.write("".join(f"{name:<8} {value}\n" for name, value in row.items()))
    return ExitStatus.OK if state.running else ExitStatus.NOTHING


@app.command()
@exits(PROGRAM)
def kill(directory: Directory = None) -> None:
    """Kill the broker as a power cut would (SIGKILL)."""
    from diracmq_cli import devbroker

    devbroker.kill(directory, _say)


@app.command()
@exits(PROGRAM)
def start(directory: Directory = None) -> None:
    """Start it again; its queues hold what they held.

    Queues and rights that were added to DIR/dirac.cfg are then there too.
    """
    from diracmq_cli import devbroker

    devbroker.start(directory, _say)


@app.command()
@exits(PROGRAM)
def down(
    directory: Directory = None,
    purge: Annotated[bool, typer.Option("--purge", help="Remove its queues, certificates and files too.")] = False,
) -> None:
    """Stop the broker and all that belongs to it."""
    from diracmq_cli import devbroker

    devbroker.down(directory, purge=purge, say=_say)


def _say(line: str) -> None:
    sys.stderr.write(f"{PROGRAM}: {line}\n")
    sys.stderr.flush()


def _same(directory: Path | None) -> str:
    return f" --dir {shlex.quote(str(directory))}" if directory is not None else ""
