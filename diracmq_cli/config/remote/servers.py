"""Which configuration servers to ask, and in which order (DIRAC, ``RefresherBase.py`` and ``PathFinder.py``)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from diracmq_cli.config.lists import items
from diracmq_cli.config.remote.serverlist import ServerList
from diracmq_cli.core.model import HostPort
from diracmq_cli.errors import ConfigError

if TYPE_CHECKING:
    from diracmq_cli.config.configuration import Configuration

SERVICE = "Configuration/Server"
_SERVERS = "/DIRAC/Configuration/Servers"
_HINT = "write https://host:port/Configuration/Server or dips://host:port/Configuration/Server"


@dataclass(frozen=True, slots=True)
class Server:
    """One configuration server; ``component`` is the path of its URL without the slash in front."""

    url: str
    scheme: str
    host: HostPort
    component: str = SERVICE


def in_order(servers: ServerList) -> list[Server]:
    """The servers as they are to be tried: preferred ones first, shuffled among their equals.

    Raises:
        ConfigError: one is no URL that we can use, or a pattern is no regular expression.
    """
    groups: dict[int, list[Server]] = {}
    for url in servers.urls:
        groups.setdefault(_rank(url, servers.preferred), []).append(_server(url, servers.place))
    return [server for rank in sorted(groups) for server in random.sample(groups[rank], len(groups[rank]))]


def read_server_list(configuration: Configuration) -> ServerList:
    """The gateways of our site where there are any, else ``/DIRAC/Configuration/Servers``."""
    site = configuration.text("/LocalSite/Site")
    gateways = f"/DIRAC/Gateways/{site}"
    path = gateways if site and configuration.text(gateways) else _SERVERS
    option = configuration.get(path)
    if option is None or not option.value:
        return ServerList()
    preferred = items(configuration.text("/DIRAC/PreferredURLPatterns") or "")
    return ServerList(tuple(dict.fromkeys(items(option.value))), tuple(preferred), f"{path} in {option.place}")


def _rank(url: str, patterns: Sequence[str]) -> int:
    for rank, pattern in enumerate(patterns):
        try:
            if re.match(pattern, url):
                return rank
        except re.error as error:
            raise ConfigError(f"/DIRAC/PreferredURLPatterns: {pattern!r} is no regular expression: {error}") from error
    return len(patterns)


def _server(text: str, place: str) -> Server:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ConfigError(f"{place}: {text!r} is no URL: {error}", hint=_HINT) from error
    if url.username is not None or url.password is not None:
        raise ConfigError(f"{place}: a URL with a user or a password", hint=_HINT)
    if url.scheme in ("http", "dip"):
        raise ConfigError(f"{place}: {text!r} is not encrypted: any host could answer", hint=_HINT)
    if url.scheme not in ("https", "dips") or not url.hostname:
        raise ConfigError(f"{place}: {text!r} is neither https://host nor dips://host", hint=_HINT)
    if port is None and url.scheme == "dips":
        raise ConfigError(f"{place}: {text!r} names no port, and dips has no usual one", hint=_HINT)
    if url.query or url.fragment or not text.isprintable() or " " in text:
        raise ConfigError(f"{place}: {text!r} is more than host, port and path", hint=_HINT)
    return Server(text, url.scheme, HostPort(url.hostname, port or 443), url.path.strip("/") or SERVICE)
