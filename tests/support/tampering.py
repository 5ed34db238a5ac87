"""A signed message to tamper with: what anybody can do who sees it, and what its signer could do who means harm.

The rows of tampering are in ``tampering_stamp``, ``tampering_message`` and ``tampering_signer``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric import rsa
from support.chains import Issued, ec_key, proxy
from support.jose import Parts, encoded
from support.origin_world import OriginWorld, a_message, delivered

from diracmq_cli.core.message import Delivery, Message
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.core.values import FieldValue, Timestamp

JOHN = "/DC=org/DC=example/CN=John Roe"
HEADERS: dict[str, FieldValue] = {
    "one": 1,
    "flag": True,
    "half": 0.5,
    "text": "1",
    "octets": b"1",
    "when": Timestamp(1),
    "list": [1, {"deep": 1}],
    "nothing": None,
}


@dataclass(frozen=True)
class Signed:
    """A freshly signed message, and everything that its signer had; ``other`` is one of the same run."""

    world: OriginWorld
    message: Message
    other: Message
    leaf: Issued
    john: Issued

    @property
    def chain(self) -> list[Issued]:
        return [self.leaf, self.world.jane]

    @property
    def parts(self) -> Parts:
        return Parts.of(self.message, self.leaf.key)

    @property
    def stamp(self) -> str:
        return str(self.message.headers["dirac-stamp"])

    def with_stamp(self, stamp: FieldValue) -> Delivery:
        return delivered(replace(self.message, headers={**self.message.headers, "dirac-stamp": stamp}))

    def with_part(self, index: int, change: Callable[[str], str]) -> Delivery:
        parts = self.stamp.split(".")
        parts[index] = change(parts[index])
        return self.with_stamp(".".join(parts))

    def with_header(self, **header: object) -> Delivery:
        """Another protected header around the signature as it was."""
        changed = self.parts.with_header(**header).header
        return self.with_part(0, lambda _old: encoded(json.dumps(changed).encode()))

    def with_headers(self, **headers: FieldValue) -> Delivery:
        """These headers beside the message's own; ``...`` takes one away."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in {**self.message.headers, **named}.items() if value is not ...}
        return delivered(replace(self.message, headers=kept))

    def with_properties(self, **fields: object) -> Delivery:
        return delivered(replace(self.message, properties=replace(self.message.properties, **fields)))  # type: ignore[arg-type]

    def by(self, *chain: Issued, **payload: object) -> Delivery:
        """The payload (changed) signed by another chain, with the algorithm that fits its key."""
        algorithm = "RS256" if isinstance(chain[0].key, rsa.RSAPrivateKey) else "ES256"
        parts = Parts.of(self.message, chain[0].key).with_payload(**payload).with_chain(*chain)
        return self.with_stamp(parts.with_header(alg=algorithm).signed())

    def at(self, seconds: float) -> Delivery:
        """Signed so many seconds from now, everything else being right."""
        moment = int(time.time() + seconds)
        made = self.with_stamp(self.parts.with_payload(time=moment).signed())
        return replace(
            made, message=replace(made.message, properties=replace(made.message.properties, timestamp=moment))
        )


@dataclass(frozen=True)
class Row:
    """One kind of tampering. ``max_age`` is the reader's, in seconds."""

    title: str
    reason: Refusal
    tamper: Callable[[Signed], Delivery]
    max_age: float | None = 7 * 86400.0


def fresh(world: OriginWorld, sign: Callable[[Message, list[Issued]], Message], body: bytes = b"payload") -> Signed:
    """A message just signed by a proxy of Jane's whose key is on P-256, and another one."""
    leaf = proxy(world.jane, key=ec_key())
    chain = [leaf, world.jane]
    fields = {"content_encoding": "identity", "correlation_id": "c", "reply_to": "r"}
    message = sign(a_message(body=body, headers=dict(HEADERS), **fields), chain)
    other = sign(replace(a_message(body=body), properties=replace(message.properties, message_id="another")), chain)
    return Signed(world, message, other, leaf, world.person(cn="John Roe"))
