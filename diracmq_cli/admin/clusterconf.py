"""What ``rabbitmq.conf`` says of a cluster."""

from __future__ import annotations

from collections.abc import Sequence


def cluster_conf(nodes: Sequence[str], own: str) -> str:
    """Further lines of ``rabbitmq.conf`` for the node ``own`` of the cluster of ``nodes``; none for one on its own.

    * The first node looks for nobody, and the others look for the first: nodes that are new and all look for each other
      wait for seconds, each holding the lock that the others need.
    * The hint of the size makes RabbitMQ pass over the queues of a definitions file until so many nodes run: a quorum
      queue that is declared earlier has fewer members, for ever.
    * When two of three are gone, the third cannot know whether they are dead or only out of its sight. It then closes
      its listeners (``pause_minority``): clients hear at once that they should go elsewhere, rather than wait for
      confirms that a quorum queue without a majority never gives.
    """
    if len(nodes) == 1:
        return ""
    lines = [
        "",
        "cluster_formation.peer_discovery_backend = classic_config",
        *([] if own == nodes[0] else [f"cluster_formation.classic_config.nodes.1 = {nodes[0]}"]),
        f"cluster_formation.target_cluster_size_hint = {len(nodes)}",
        "cluster_partition_handling = pause_minority",
        "queue_leader_locator = balanced",
    ]
    return "\n".join(lines) + "\n"
