"""A private RabbitMQ with its own CA, users and proxies, for trying and testing."""

from diracmq_cli.devbroker.environment import environment
from diracmq_cli.devbroker.layout import Layout, default_directory
from diracmq_cli.devbroker.lifecycle import down, kill, start, status, up
from diracmq_cli.devbroker.roles import PEOPLE, Person, Role
from diracmq_cli.devbroker.state import Ports, State

__all__ = [
    "PEOPLE",
    "Layout",
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
