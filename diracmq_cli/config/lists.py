"""Comma lists of options: hosts, bindings, principals."""

from __future__ import annotations

import re
from functools import partial

from diracmq_cli.config.parsers import short_string
from diracmq_cli.core.dn import normalise
from diracmq_cli.core.model import Binding, HostPort, Principals

_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<name>[^\s:/@\[\]]+))(?::(?P<port>[0-9]{1,5}))?")
_BARE_V6 = re.compile(r"[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(?:%\w+)?")
_BETWEEN_PRINCIPALS = re.compile(r"\s*,\s*(?=/|group:|user:)")
_GROUP = re.compile(r"[^\s,/:]+")
_LOGIN = re.compile(r"[a-z0-9_-]+")


def items(text: str) -> list[str]:
    """The parts of a comma list; empty ones do not count, as in DIRAC (``List.fromChar``)."""
    return [item for part in text.split(",") if (item := part.strip())]


def port(text: str) -> int:
    """A TCP port.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise ValueError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


def hosts(text: str, default: int) -> tuple[HostPort, ...]:
    """``name``, ``name:port``, ``[v6]:port`` or ``v6``, each once, in their order.

    Raises:
        ValueError: one of them is none of these.
    """
    found = dict.fromkeys(map(partial(_host, default=default), items(text)))
    if not found:
        raise ValueError("names no host")
    return tuple(found)


def _host(text: str, default: int) -> HostPort:
    if _BARE_V6.fullmatch(text):
        return HostPort(text, default)
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a host, host:port or [IPv6 address]:port")
    return HostPort(match["v6"] or match["name"], default if match["port"] is None else port(match["port"]))


def bindings(text: str) -> tuple[Binding, ...]:
    """``exchange:pattern, …``; the pattern may be empty, as for a fanout exchange.

    Raises:
        ValueError: an item has no colon or no exchange.
    """
    return tuple(map(_binding, items(text)))


def _binding(text: str) -> Binding:
    exchange, colon, pattern = (part.strip() for part in text.partition(":"))
    if not colon or not exchange:
        raise ValueError(f"{text!r} is not exchange:pattern")
    return Binding(short_string(exchange), short_string(pattern))


def principals(text: str) -> Principals:
    """``group:NAME``, ``user:LOGIN`` and DNs. DNs may hold commas: only those before an item's beginning separate.

    Raises:
        ValueError: an item is none of these.
        DNError: a DN that could mean more than one name.
    """
    dns: list[str] = []
    groups: list[str] = []
    users: list[str] = []
    for item in _BETWEEN_PRINCIPALS.split(text.strip(" \t,")):
        kind, _, name = item.partition(":")
        if item.startswith("/"):
            dns.append(normalise(item))
        elif kind == "group" and _GROUP.fullmatch(name.strip()):
            groups.append(name.strip())
        elif kind == "user" and _LOGIN.fullmatch(name.strip()):
            users.append(name.strip())
        else:
            raise ValueError(f"{item!r} is not a DN, group:NAME or user:LOGIN (of a-z, 0-9, _ and -)")
    return Principals(*(tuple(dict.fromkeys(names)) for names in (dns, groups, users)))


def people(text: str) -> Principals:
    """As ``principals``, without groups: ``AllowedDNs``.

    Raises:
        ValueError: an item is no DN and no ``user:LOGIN``.
        DNError: as ``principals``.
    """
    found = principals(text)
    if found.groups:
        raise ValueError(f"group:{found.groups[0]} is a group, which belongs in AllowedGroups")
    return found


def groups(text: str) -> tuple[str, ...]:
    """Names of DIRAC groups, each once: ``AllowedGroups``.

    Raises:
        ValueError: an item cannot be one, or there is none.
    """
    found = tuple(dict.fromkeys(items(text)))
    for name in found:
        if not _GROUP.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of a group")
    if not found:
        raise ValueError("names no group")
    return found
