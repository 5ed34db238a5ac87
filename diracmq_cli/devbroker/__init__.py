"""A private RabbitMQ with its own CA, users and proxies, for trying and testing.

The names below are imported when they are asked for: the command line knows the roles before it knows whether a
devbroker is meant at all.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from diracmq_cli.devbroker.roles import PEOPLE, Person, Role

if TYPE_CHECKING:
    from diracmq_cli.devbroker.environment import environment
    from diracmq_cli.devbroker.layout import Layout, default_directory
    from diracmq_cli.devbroker.lifecycle import down, kill, start, status, up
    from diracmq_cli.devbroker.ports import Ports
    from diracmq_cli.devbroker.state import NodeState, State

__all__ = [
    "PEOPLE",
    "Layout",
    "NodeState",
    "Person",
    "Ports",
    "Role",
    "State",
    "default_directory",
    "down",
    "environment",
    "kill",
    "start",
    "status",
    "up",
]

_HOMES = {
    "environment": ("environment",),
    "layout": ("Layout", "default_directory"),
    "lifecycle": ("down", "kill", "start", "status", "up"),
    "ports": ("Ports",),
    "state": ("NodeState", "State"),
}


def __getattr__(name: str) -> object:
    for module, names in _HOMES.items():
        if name in names:
            # Kept here, for the import has put the module environment where the function is looked for.
            value: object = getattr(import_module(f"{__name__}.{module}"), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
