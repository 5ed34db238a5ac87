"""The files that nodes start from: configuration, definitions, copies of the host's credential, the plugin."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from diracmq_cli.admin.authorities import read_authorities
from diracmq_cli.admin.clusterconf import cluster_conf
from diracmq_cli.admin.conffiles import NodeSettings
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.admin.rendering import DEFINITIONS, node_files
from diracmq_cli.admin.signingterms import POLICIES, signing_terms
from diracmq_cli.core.model import HostPort
from diracmq_cli.devbroker.files import let_everybody_read, make_directory, write_file
from diracmq_cli.devbroker.ports import LOOPBACK

if TYPE_CHECKING:
    from diracmq_cli.admin.plan import Plan
    from diracmq_cli.devbroker.node import Node
    from diracmq_cli.devbroker.state import NodeState, State


def prepare(node: Node, state: State, plan: Plan, starting: Iterable[NodeState]) -> None:
    """Write the configuration of the nodes that are ``starting`` and what all share, and build their plugin."""
    make_directory(node.etc)
    make_directory(node.var, 0o700)
    node.account.own(node.var)
    _make_cookie(node)
    for each in starting:
        _configure(node, each, plan, [other.node for other in state.nodes])
    make_directory(node.plugins)
    build_plugin(node.plugins, rabbitmq_home=node.installation.home)
    let_everybody_read(node.plugins)


def _configure(node: Node, state: NodeState, plan: Plan, cluster: list[str]) -> None:
    layout = node.layout
    settings = NodeSettings(
        listeners=(HostPort(LOOPBACK, state.ports.amqps),),
        certificate=node.etc / "hostcert.pem",
        key=node.etc / "hostkey.pem",
        authorities=node.etc / "ca.pem",
        policies=node.etc / POLICIES,
        revocations=layout.certificates.resolve(),
        definitions=node.definitions,
    )
    write_file(settings.certificate, layout.host_certificate.read_text())
    authorities = read_authorities(layout.certificates, now=time.time())
    write_file(settings.authorities, authorities.bundle)
    write_file(node.etc / POLICIES, signing_terms(authorities).text)
    files = node_files(plan, settings, with_users=True)
    for path, text in ((settings.key, layout.host_key.read_text()), (settings.definitions, files.pop(DEFINITIONS))):
        write_file(path, text, mode=0o600)
        node.account.own(path)
    write_file(node.configuration(state), files.pop("rabbitmq.conf") + cluster_conf(cluster, state.node))
    for name, text in files.items():
        write_file(node.etc / name, text)


def _make_cookie(node: Node) -> None:
    """Make the cookie unless it is there: nodes that start together would each make another one."""
    with suppress(FileExistsError):
        # O_EXCL follows no link, and in ``var`` there might be one.
        descriptor = os.open(node.cookie, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(16))
        node.account.own(node.cookie)
