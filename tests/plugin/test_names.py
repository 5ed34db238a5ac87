"""One form of a DN in Python and Erlang."""

from __future__ import annotations

import re

from support.chain_server import SOURCES

from diracmq_cli.core import dn


def test_labels_are_the_same_in_both_languages() -> None:
    """``label/1`` of the plugin and ``ATTRIBUTES`` of the client name the same attributes alike, in the same order."""
    text = (SOURCES / "rabbit_grid_proxy_dn.erl").read_text()
    clauses = re.findall(r'^label\(\{([\d,]+)\}\) -> "(\w+)";$', text, flags=re.MULTILINE)
    assert [(oid.replace(",", "."), label) for oid, label in clauses] == list(dn.ATTRIBUTES.items())


def test_longest_login_is_the_same_in_both_languages() -> None:
    """Neither takes a name that the other would refuse for its length."""
    text = (SOURCES / "rabbit_grid_proxy_dn.erl").read_text()
    assert f"-define(LONGEST, {dn.MAX_OCTETS})." in text
