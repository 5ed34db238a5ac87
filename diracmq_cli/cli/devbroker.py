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
MOST_NODES = 7
"""150 MB each; more shows nothing that a few do not."""

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

NodeNumber = Annotated[
    int | None,
    typer.Option("--node", metavar="K", min=1, help="Only the K-th node, as status counts them.", show_default=False),
]


@app.command()
@exits(PROGRAM)
def up(
    directory: Directory = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            "--nodes",
            metavar="N",
            min=1,
            max=MOST_NODES,
            help="Make it a cluster of so many nodes; quorum queues then have a member on three of them.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a devbroker unless it is there, and start it."""
    from diracmq_cli import devbroker

    devbroker.up(directory, _say, nodes=nodes)
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
    as_json: Annotated[bool, typer.Option("-j", "--json", help="One JSON object a node.")] = False,
) -> ExitStatus:
    """Say whether each node runs, and on which ports.

    Exits 3 if none runs, 4 if only some do.
    """
    from diracmq_cli import devbroker

    state = devbroker.status(directory)
    blocks = []
    for number, node in enumerate(state.nodes, start=1):
        row = {
            "number": number,
            "running": node.running,
            "pid": node.pid,
            "ports": asdict(node.ports),
            "dir": str(state.directory),
            "node": node.node,
        }
        if as_json:
            blocks.append(json.dumps(row) + "\n")
        else:
            row["ports"] = " ".join(f"{name}={port}" for name, port in asdict(node.ports).items())
            row |= {"running": "yes" if node.running else "no", "pid": node.pid or "-"}
            blocks.append("".join(f"{name:<8} {value}\n" for name, value in row.items()))
    sys.stdout.write(("" if as_json else "\n").join(blocks))
    if state.running:
        return ExitStatus.OK
    return ExitStatus.PARTIAL if any(node.running for node in state.nodes) else ExitStatus.NOTHING


@app.command()
@exits(PROGRAM)
def kill(directory: Directory = None, node: NodeNumber = None) -> None:
    """Kill the broker, or one node of it, as a power cut would (SIGKILL)."""
    from diracmq_cli import devbroker

    devbroker.kill(directory, _say, node=node)


@app.command()
@exits(PROGRAM)
def start(directory: Directory = None, node: NodeNumber = None) -> None:
    """Start it again, or one node of it; its queues hold what they held.

    Queues and rights that were added to DIR/dirac.cfg are then there too.
    """
    from diracmq_cli import devbroker

    devbroker.start(directory, _say, node=node)


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
