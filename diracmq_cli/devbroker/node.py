"""A private RabbitMQ: where the files of its nodes are, and the environment that makes them private.

Nothing of it listens but on 127.0.0.1, and nothing of it depends on the caller's ``RABBITMQ_*`` variables or on what
the system's own RabbitMQ keeps in ``/etc/rabbitmq`` and ``/var/lib/rabbitmq``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diracmq_cli.admin.installation import Installation, search_path
from diracmq_cli.devbroker.ports import LOOPBACK

if TYPE_CHECKING:
    from diracmq_cli.devbroker.account import Account
    from diracmq_cli.devbroker.layout import Layout
    from diracmq_cli.devbroker.state import NodeState


@dataclass(frozen=True, slots=True)
class Node:
    """Where the files of the nodes are; ``home`` is ``DIR/broker`` as the broker's user reaches it.

    Nodes share all of it but what bears a node's name.

    ``etc`` and ``plugins`` stay the caller's, so that the broker cannot lead him astray with links in a directory of
    its own; ``var`` is the broker's.
    """

    layout: Layout
    installation: Installation
    account: Account

    @property
    def home(self) -> Path:
        """The node's directory, links resolved: a link's own place may be closed to the broker's user."""
        return self.layout.broker.resolve()

    @property
    def etc(self) -> Path:
        """Configuration files, and a copy of the host key that the broker's user may read."""
        return self.home / "etc"

    @property
    def definitions(self) -> Path:
        """What is loaded at each start."""
        return self.etc / "definitions.json"

    @property
    def plugins(self) -> Path:
        """The compiled plugin."""
        return self.home / "plugins"

    @property
    def var(self) -> Path:
        """HOME of the nodes (their cookie), data, logs."""
        return self.home / "var"

    @property
    def cookie(self) -> Path:
        """What the nodes, and whoever asks them something, know each other by."""
        return self.var / ".erlang.cookie"

    def data(self, state: NodeState) -> Path:
        """The node's database; there from its first start on."""
        return self.var / "data" / state.node

    def configuration(self, state: NodeState) -> Path:
        """The node's ``rabbitmq.conf``."""
        return self.etc / f"{state.node}.conf"

    def output(self, state: NodeState) -> Path:
        """What the node writes before it can log."""
        return self.home / f"{state.node}.startup.log"

    def log(self, state: NodeState) -> Path:
        """The node's log file."""
        return self.var / "log" / f"{state.node}.log"

    @property
    def uid(self) -> int | None:
        """Whom a process for this node changes to; None stays the caller."""
        return None if self.account.is_caller else self.account.uid

    @property
    def gid(self) -> int | None:
        """The group that goes with ``uid``."""
        return None if self.account.is_caller else self.account.gid

    def environment(self, state: NodeState) -> dict[str, str]:
        """The whole environment of a node and of ``rabbitmqctl`` when it talks to it."""
        etc, var = self.etc, self.var
        return {
            "PATH": search_path(),
            "LANG": "C.UTF-8",
            "HOME": str(var),
            "ERL_EPMD_PORT": str(state.ports.epmd),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "RABBITMQ_NODENAME": state.node,
            "RABBITMQ_DIST_PORT": str(state.ports.distribution),
            # Never used (listeners.tcp = none), but the default would be the system's own broker's.
            "RABBITMQ_NODE_PORT": str(state.ports.amqps),
            # rabbitmqctl is a node too and listens while it runs.
            "RABBITMQ_CTL_DIST_PORT_MIN": str(state.ports.distribution + 1),
            "RABBITMQ_CTL_DIST_PORT_MAX": str(state.ports.distribution + 20),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CTL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(self.configuration(state)),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(etc / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(etc / "enabled_plugins"),
            "RABBITMQ_PLUGINS_DIR": f"{self.plugins}:{self.installation.plugins}",
            "RABBITMQ_MNESIA_BASE": str(self.data(state).parent),
            "RABBITMQ_LOG_BASE": str(var / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(var / "config" / state.node),
            "RABBITMQ_PID_FILE": str(var / f"{state.node}.pid"),
            # The start script then becomes the Erlang machine instead of waiting for it: one process, one id.
            "RUNNING_UNDER_SYSTEMD": "true",
        }
