"""Ask a running node in Erlang: milliseconds by ``erl_call``, where each ``rabbitmqctl`` takes a second."""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diracmq_cli.admin.installation import find_program
from diracmq_cli.errors import ConfigError, MQError

if TYPE_CHECKING:
    from diracmq_cli.devbroker.node import Node
    from diracmq_cli.devbroker.state import NodeState

_TIMEOUT = 60.0
_RUNNING = (
    "length(case erlang:function_exported(rabbit_nodes, list_running, 0) of "
    "true -> rabbit_nodes:list_running(); false -> rabbit_nodes:all_running() end)"  # from 3.12 on; before
)
_OPENING, _CLOSING = '{ok, "', '"}'


def evaluate(node: Node, state: NodeState, expression: str) -> str:
    """Evaluate Erlang in the node and return its value as ``io:format("~tp")`` writes it.

    Raises:
        MQError: it failed there, or the node does not answer.
    """
    # erl_call reads Latin-1, so other characters go as Erlang's string escapes; base64 brings the value back whole.
    text = "".join(c if c.isascii() else f"\\x{{{ord(c):X}}}" for c in expression)
    written = f'unicode:characters_to_binary(io_lib:format("~tp", [begin {text} end]))'
    # No -c: the cookie is read from HOME, where a command line would show it to everybody.
    done = subprocess.run(
        [str(find_program("erl_call", "erlang-base")), "-sname", state.node, "-e"],
        input=f"base64:encode_to_string({written}).\n",
        capture_output=True,
        text=True,
        env=node.environment(state),
        cwd=node.home,
        user=node.uid,
        group=node.gid,
        extra_groups=None if node.uid is None else [],
        timeout=_TIMEOUT,
        check=False,
    )
    answer = done.stdout.strip()
    if not (answer.startswith(_OPENING) and answer.endswith(_CLOSING)):
        raise MQError(f"the broker does not evaluate: {(answer or done.stderr.strip())[:300]}")
    return base64.b64decode(answer[len(_OPENING) : -len(_CLOSING)]).decode()


def await_cluster(node: Node, states: Sequence[NodeState]) -> None:
    """Wait until these nodes run as one cluster.

    Raises:
        MQError: they do not find each other.
    """
    deadline = time.monotonic() + _TIMEOUT
    while (running := int(evaluate(node, states[0], _RUNNING))) < len(states):
        if time.monotonic() > deadline:
            raise MQError(
                f"only {running} of {len(states)} nodes found each other", hint=f"read {node.log(states[0]).parent}"
            )
        time.sleep(0.1)


def load_definitions(node: Node, state: NodeState, text: str) -> None:
    """Load a definitions file's text into the running node.

    At boot RabbitMQ 3.10 loads its definitions too, but starts without a word when it could not. Then its tables, and
    those of the other nodes, are flushed to disk: a quorum queue that was declared less than a second before a SIGKILL
    comes back without a leader otherwise, for Ra keeps the names of its servers in a file that is written with a delay.

    Raises:
        ConfigError: the node refuses them.
    """
    body = base64.b64encode(text.encode()).decode()
    answer = evaluate(
        node,
        state,
        f'Answer = rabbit_definitions:import_raw(base64:decode("{body}")), '
        "[rpc:call(Node, dets, sync, [Table]) || "  # one may close meanwhile: then the answer is {badrpc, _}
        "Node <- [node() | nodes()], Table <- rpc:call(Node, dets, all, [])], Answer",
    )
    if not answer.startswith(("ok", "{ok")):
        reason = " ".join(answer.split())[:300]
        raise ConfigError(
            f"RabbitMQ refuses what {node.layout.cfg} asks for: {reason}",
            hint=f"correct {node.layout.cfg}, then dirac-mq devbroker start",
        )
