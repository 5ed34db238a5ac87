"""Which configuration servers are asked, and in which order."""

from __future__ import annotations

import pytest
from support.cfgs import load, write_cfg

from diracmq_cli.config.remote.serverlist import ServerList
from diracmq_cli.config.remote.servers import Server, in_order, read_server_list
from diracmq_cli.core.model import HostPort
from diracmq_cli.errors import ConfigError

CFG = """
DIRAC
{
  Configuration
  {
    Servers = https://a.example.org:8443/Configuration/Server, dips://b.example.org:9135/Configuration/Server
    Servers += https://c.example.org
  }
  Gateways
  {
    LCG.Far.org = https://gw.far.org:8443
    Elsewhere = dips://gw:1/Configuration/Server
  }
}
"""
A = Server("https://a.example.org:8443/Configuration/Server", "https", HostPort("a.example.org", 8443))
B = Server("dips://b.example.org:9135/Configuration/Server", "dips", HostPort("b.example.org", 9135))
C = Server("https://c.example.org", "https", HostPort("c.example.org", 443))


def servers(tmp_path, text=CFG, *options):
    """The servers of a CFG, in the order of one draw."""
    return in_order(read_server_list(load(write_cfg(tmp_path, text), options=options)))


def test_list(tmp_path):
    """All servers of the comma list, with the usual port and path where they name none, shuffled."""
    orders = {tuple(servers(tmp_path)) for _ in range(100)}
    assert len(orders) == 6
    assert all(set(order) == {A, B, C} for order in orders)


def test_none(tmp_path):
    """Without the option, or with an empty one, there are no servers."""
    assert not read_server_list(load(write_cfg(tmp_path, "")))
    assert not read_server_list(load(write_cfg(tmp_path, "DIRAC\n{\nConfiguration\n{\nServers =\n}\n}\n")))
    assert in_order(ServerList()) == []


def test_gateway_of_our_site(tmp_path):
    """A site that has gateways asks them, and only them; without a path it is the Configuration/Server there."""
    gateway = Server("https://gw.far.org:8443", "https", HostPort("gw.far.org", 8443))
    assert servers(tmp_path, CFG, "/LocalSite/Site=LCG.Far.org") == [gateway]
    assert len(servers(tmp_path, CFG, "/LocalSite/Site=LCG.Near.org")) == 3
    assert len(servers(tmp_path, CFG, "/LocalSite/Site=LCG.Far.org", "/DIRAC/Gateways/LCG.Far.org=")) == 3


def test_preferred_patterns(tmp_path):
    """Servers that match an earlier pattern come first; equals are shuffled (DIRAC, ``groupURLsByPriority``)."""
    option = r"/DIRAC/PreferredURLPatterns=dips://.*, .*c\.example"
    for _ in range(20):
        assert servers(tmp_path, CFG, option) == [B, C, A]
    orders = {tuple(servers(tmp_path, CFG, "/DIRAC/PreferredURLPatterns=https://.*")) for _ in range(50)}
    assert orders == {(A, C, B), (C, A, B)}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://a/X", "'http://a/X' is not encrypted: any host could answer"),
        ("dip://a:1/X", "'dip://a:1/X' is not encrypted: any host could answer"),
        ("ftp://a/X", "'ftp://a/X' is neither https://host nor dips://host"),
        ("Configuration/Server", "'Configuration/Server' is neither https://host nor dips://host"),
        ("https:///X", "'https:///X' is neither https://host nor dips://host"),
        ("dips://a/X/Y", "'dips://a/X/Y' names no port, and dips has no usual one"),
        ("https://a:b/X", "'https://a:b/X' is no URL: Port could not be cast to integer value as 'b'"),
        ("https://u@a/X", "a URL with a user or a password"),
        ("https://a/X?y=z", "'https://a/X?y=z' is more than host, port and path"),
        ("https://a/X Y", "'https://a/X Y' is more than host, port and path"),
    ],
)
def test_refused_urls(tmp_path, url, problem):
    """A URL that cannot be used is refused with the option and its file, and without a password."""
    with pytest.raises(ConfigError) as caught:
        servers(tmp_path, "", f"/DIRAC/Configuration/Servers={url}")
    assert str(caught.value) == f"/DIRAC/Configuration/Servers in -o: {problem}"
    assert caught.value.hint == (
        "write https://host:port/Configuration/Server or dips://host:port/Configuration/Server"
    )


def test_bad_pattern(tmp_path):
    """A pattern that is no regular expression is refused."""
    with pytest.raises(ConfigError, match=r"PreferredURLPatterns: '\(' is no regular expression"):
        servers(tmp_path, CFG, "/DIRAC/PreferredURLPatterns=(")


def test_ipv6(tmp_path):
    """Numeric addresses, of both kinds."""
    (server,) = servers(tmp_path, "", "/DIRAC/Configuration/Servers=https://[::1]:8443/Configuration/Server")
    assert server.host == HostPort("::1", 8443)
    assert server.component == "Configuration/Server"
