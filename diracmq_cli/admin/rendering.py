"""The files that a node starts from, as text: what the CS asks for, on the paths and addresses of one host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.admin.conffiles import NodeSettings, advanced_config, enabled_plugins, rabbitmq_conf

if TYPE_CHECKING:
    from diracmq_cli.admin.plan import Plan

DEFINITIONS = "definitions.json"


def node_files(plan: Plan, settings: NodeSettings, *, with_users: bool) -> dict[str, str]:
    """The configuration files by name; the same input gives the same text.

    Args:
        plan: what the CS asks for.
        settings: what it does not say.
        with_users: whether the definitions hold users, their rights and password hashes too.
    """
    return {
        "rabbitmq.conf": rabbitmq_conf(settings, plan.demands),
        "advanced.config": advanced_config(settings),
        "enabled_plugins": enabled_plugins(settings, plan.demands),
        DEFINITIONS: plan.definitions(with_users=with_users),
    }
