"""RabbitMQ's definitions file: the topology, and users with their rights where they are wanted, as JSON."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diracmq_cli.admin.permissions import Grant
    from diracmq_cli.admin.topology import Topology


@dataclass(frozen=True, slots=True)
class User:
    """A broker user. Without a ``password_hash`` nobody can log in by PLAIN: the certificate is the only way.

    ``max_connections`` is how many connections the user may have open at once, on the whole cluster; None: any number.
    """

    name: str
    password_hash: str = ""
    tags: tuple[str, ...] = ()
    max_connections: int | None = None

    @property
    def limits(self) -> dict[str, int]:
        """RabbitMQ's user limits."""
        return {} if self.max_connections is None else {"max-connections": self.max_connections}


def hash_password(password: str, salt: bytes) -> str:
    """RabbitMQ's own form (rabbit_password_hashing_sha256): base64 of four octets of salt and the digest."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def definitions(topology: Topology, users: Sequence[User] = (), grants: Sequence[Grant] = ()) -> str:
    """The file that ``load_definitions`` names; the same input gives the same text."""
    document = {
        "vhosts": [{"name": vhost} for vhost in topology.vhosts],
        "users": [
            {
                "name": user.name,
                "password_hash": user.password_hash,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ",".join(user.tags),
                "limits": user.limits,
            }
            for user in users
        ],
        "permissions": [
            {"user": g.user, "vhost": g.vhost, "configure": g.configure, "write": g.write, "read": g.read}
            for g in grants
        ],
        "policies": [
            {
                "vhost": policy.vhost,
                "name": policy.name,
                "pattern": policy.pattern,
                "apply-to": "queues",
                "priority": 0,
                "definition": dict(policy.definition),
            }
            for policy in topology.policies
        ],
        "exchanges": [
            {
                "vhost": exchange.vhost,
                "name": exchange.name,
                "type": str(exchange.type),
                "durable": True,
                "auto_delete": False,
                "internal": exchange.internal,
                "arguments": {},
            }
            for exchange in topology.exchanges
        ],
        "queues": [
            {
                "vhost": queue.vhost,
                "name": queue.name,
                "durable": True,
                "auto_delete": False,
                "arguments": dict(queue.arguments),
            }
            for queue in topology.queues
        ],
        "bindings": [
            {
                "vhost": binding.vhost,
                "source": binding.source,
                "destination": binding.destination,
                "destination_type": "exchange" if binding.to_exchange else "queue",
                "routing_key": binding.routing_key,
                "arguments": {},
            }
            for binding in topology.bindings
        ],
    }
    return json.dumps(document, indent=2) + "\n"
