"""A collaboration of 200 people, 10 groups and 50 queues, made at random from a seed, as the CFG that describes it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from support.chain_parts import name
from support.managed import section

_COMMON_NAMES: tuple[Callable[[int], str], ...] = (
    "Person {}".format,
    "Doe, Jane {}".format,
    "host/wn{}.example.org".format,
    "Jürgen Groß {}".format,
    "a+b|c (.*) {}".format,
    'Sean O\'Brien "{}"'.format,
    "424242{}".format,
)
"""Whatever a grid CA writes into names, and what a regular expression would take for its own."""

_SEPARATORS = ".-+X_"
"""Names of queues that look like each other to a regular expression that forgot to escape them."""

SERVERS = ("robot-1", "monitor_2")
PASSWORD = "not-to-be-seen-{}"
_RIGHTS = ("Consumers", "Watchers", "Operators", "Movers")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a certificate; ``nick`` is his name in the Registry."""

    nick: str
    parts: tuple[str, ...]

    @property
    def dn(self) -> str:
        """As the CFG has it: some registries hold UTF-8."""
        return "".join(f"/{part}" for part in self.parts)

    @property
    def subject(self) -> x509.Name:
        return name(*self.parts)


def people(count: int) -> tuple[Person, ...]:
    """So many, no two alike, all within what the devbroker's CA may certify."""
    made = []
    for n in range(count):
        common = f"CN={_COMMON_NAMES[n % len(_COMMON_NAMES)](n)}"
        last = {0: (f"CN={100 + n}",), 1: (f"emailAddress=p{n}@example.org",)}.get(n % 11, ())
        made.append(Person(f"p{n}", ("DC=org", "DC=example", f"OU=Institute {n % 5}", common, *last)))
    return tuple(made)


def collaboration_cfg(everybody: Iterable[Person], seed: int, service: Mapping[str, Any]) -> str:
    """The CFG's text. ``service`` are options of all services: they are one broker's, on one vhost. Everybody may
    publish to something.

    The first service has 40 queues and 6 exchanges, and each of the two others 5 queues and a server's login.
    """
    dice = random.Random(seed)
    folk = tuple(everybody)
    # Everybody is in one group, and some are in more; registries hold nicks of people who have left.
    groups = {
        f"group_{n}": dict.fromkeys([*folk[n::10], *dice.sample(folk, len(folk) // 20), Person("left", ())])
        for n in range(10)
    }
    names = [f"data{separator}{n}" for n in range(10) for separator in _SEPARATORS]
    dice.shuffle(names)
    exchanges = [f"events{separator}{n}" for n in range(2) for separator in ".+X"]
    kinds = ["topic", "fanout", "direct", "headers", "topic", "topic"]

    def principals(*more: str) -> str | None:
        # The last three groups are like pilots: they publish, and little else.
        chosen = [*more, *(f"group:{group}" for group in dice.sample(sorted(groups)[:7], dice.choice((0, 0, 1, 2))))]
        chosen += [person.dn for person in dice.sample(folk, dice.choice((0, 1, 2, 3)))]
        chosen += [f"user:{server}" for server in SERVERS if dice.random() < 0.2]
        return ", ".join(dict.fromkeys(chosen)) or None

    def queue(siblings: list[str], *publishers: str) -> dict[str, Any]:
        kind = dice.choice(("classic", "classic", "quorum", "stream"))
        bound = [f"{source}:{dice.choice(('#', 'a.*', ''))}" for source in exchanges if dice.random() < 0.1]
        dead = dice.choice(siblings) if siblings and kind != "stream" and dice.random() < 0.4 else None
        options = {"Type": kind, "Bindings": ", ".join(bound) or None, "DeadLetterQueue": dead}
        rights = {right: principals() for right in _RIGHTS}
        return {**options, "MaxLengthBytes": "1MB", "Publishers": principals(*publishers), **rights}

    def queues(own: list[str], publishers: list[str]) -> dict[str, Any]:
        return {own[n]: queue(own[:n], *publishers[n : n + 1]) for n in range(len(own))}

    services: dict[str, Any] = {
        "mq": {
            **service,
            "Queues": queues(names[:40], [f"group:{group}" for group in groups]),
            "Exchanges": {
                exchange: {"Type": kind, "Publishers": principals(), "Watchers": principals()}
                for exchange, kind in zip(exchanges, kinds, strict=True)
            },
        }
    }
    for n, server in enumerate(SERVERS):
        login = {"User": server, "Password": PASSWORD.format(server)}
        services[server] = {**service, **login, "Queues": queues(names[40 + 5 * n : 45 + 5 * n], [f"user:{server}"])}
    registry = {
        "Users": {person.nick: {"DN": person.dn} for person in folk},
        "Groups": {group: {"Users": ", ".join(m.nick for m in members)} for group, members in groups.items()},
    }
    return section("Registry", registry) + section("Resources", {"MQServices": services})
