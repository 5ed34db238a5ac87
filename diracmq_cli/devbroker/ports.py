"""The ports of a devbroker's nodes, all on 127.0.0.1."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection
from dataclasses import dataclass

from diracmq_cli.errors import MQError

LOOPBACK = "127.0.0.1"
_RANGE = range(20000, 32768)
"""Below the ports that Linux gives to outgoing connections: one of those could sit on ours while the broker is down."""


@dataclass(frozen=True, slots=True)
class Ports:
    """The three ports of a node: AMQP over TLS, Erlang's distribution, and epmd, which is one for all nodes."""

    amqps: int
    distribution: int
    epmd: int


def is_free(port: int) -> bool:
    """Whether a server could listen on that port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen()
        except OSError:
            return False
    return True


def free_ports(count: int, besides: Collection[int] = ()) -> list[int]:
    """So many ports that nobody listens on, other than ``besides``, which are spoken for and not yet in use.

    Raises:
        MQError: there are not so many.
    """
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if port not in besides and is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise MQError(f"there are no {count} free ports between {_RANGE.start} and {_RANGE.stop - 1}")
