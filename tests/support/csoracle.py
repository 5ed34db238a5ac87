"""Who may do what by the text of a CFG, worked out by as little code as will do and none of ours.

It knows the CS's words alone (Publishers, Consumers, ...), nothing of exchanges, patterns or permissions.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import Any

Section = dict[str, Any]

_BETWEEN = re.compile(r", (?=/|group:|user:)")


class Oracle:
    """The rights that a CFG grants. ``login`` is a person's DN as the broker has it, or a server's name."""

    def __init__(self, cfg: str) -> None:
        self._root = _read(cfg)
        self._found: dict[tuple[str, ...], frozenset[str]] = {}

    def publishes(self, login: str, queue: str) -> bool:
        """Publishers put messages in, and Movers put them back."""
        return login in self._named("Queues", queue, "Publishers", "Movers")

    def takes(self, login: str, queue: str) -> bool:
        """Consumers and Operators take messages out. A stream is looked at by consuming it, so its Watchers do too."""
        watching = ("Watchers",) if self.is_stream(queue) else ()
        return login in self._named("Queues", queue, "Consumers", "Operators", *watching)

    def tails(self, login: str, queue: str) -> bool:
        """Watchers and Operators see copies of what comes; of a stream there are none, it is read itself."""
        return not self.is_stream(queue) and login in self._named("Queues", queue, "Watchers", "Operators")

    def publishes_to(self, login: str, exchange: str) -> bool:
        return login in self._named("Exchanges", exchange, "Publishers")

    def tails_exchange(self, login: str, exchange: str) -> bool:
        return login in self._named("Exchanges", exchange, "Watchers")

    def tails_anything(self, login: str) -> bool:
        return any(self.tails(login, queue) for queue in self.queues) or any(
            self.tails_exchange(login, exchange) for exchange in self.exchanges
        )

    def is_stream(self, queue: str) -> bool:
        return bool(self.queues[queue]["Type"] == "stream")

    def queues_of(self, login: str) -> list[str]:
        """The queues that somebody has any right on."""
        return [
            queue
            for queue in self.queues
            if self.publishes(login, queue) or self.takes(login, queue) or self.tails(login, queue)
        ]

    @cached_property
    def queues(self) -> Section:
        return self._entries("Queues")

    @cached_property
    def exchanges(self) -> Section:
        return self._entries("Exchanges")

    def _entries(self, kind: str) -> Section:
        services = self._root["Resources"]["MQServices"].values()
        return {name: entry for service in services for name, entry in service.get(kind, {}).items()}

    def _named(self, kind: str, name: str, *rights: str) -> frozenset[str]:
        key = (kind, name, *rights)
        if key not in self._found:
            entry = (self.queues if kind == "Queues" else self.exchanges)[name]
            principals = [each for right in rights if right in entry for each in _BETWEEN.split(entry[right])]
            self._found[key] = frozenset(login for each in principals for login in self._who(each))
        return self._found[key]

    def _who(self, principal: str) -> list[str]:
        registry = self._root["Registry"]
        if principal.startswith("user:"):
            return [principal.removeprefix("user:")]
        if principal.startswith("group:"):
            nicks = registry["Groups"][principal.removeprefix("group:")]["Users"].split(", ")
            return [login_of(registry["Users"][nick]["DN"]) for nick in nicks if nick in registry["Users"]]
        return [login_of(principal)]


def login_of(dn: str) -> str:
    """How the broker writes a DN: octets that are not ASCII as ``\\xHH``."""
    return "".join(chr(octet) if octet < 127 else f"\\x{octet:02X}" for octet in dn.encode())


def _read(cfg: str) -> Section:
    stack: list[Section] = [{}]
    name = ""
    for line in map(str.strip, cfg.splitlines()):
        if line == "{":
            stack.append(stack[-1].setdefault(name, {}))
        elif line == "}":
            stack.pop()
        elif " = " in line:
            option, _, value = line.partition(" = ")
            stack[-1][option] = value
        else:
            name = line
    return stack[0]
