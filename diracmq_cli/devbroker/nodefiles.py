"""The files that a node starts from: configuration, definitions, copies of the host's credential, the plugin."""

from __future__ import annotations

from diracmq_cli.admin.conffiles import NodeSettings
from diracmq_cli.admin.plan import Plan
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.admin.rendering import DEFINITIONS, node_files
from diracmq_cli.core.model import HostPort
from diracmq_cli.devbroker.files import let_everybody_read, make_directory, write_file
from diracmq_cli.devbroker.node import Node
from diracmq_cli.devbroker.state import LOOPBACK, State


def prepare(node: Node, state: State, plan: Plan) -> None:
    """Write the node's configuration and build its plugin."""
    make_directory(node.etc)
    make_directory(node.var, 0o700)
    node.account.own(node.var)
    layout = node.layout
    settings = NodeSettings(
        listeners=(HostPort(LOOPBACK, state.ports.amqps),),
        certificate=node.etc / "hostcert.pem",
        key=node.etc / "hostkey.pem",
        authorities=node.etc / "ca.pem",
        revocations=layout.certificates.resolve(),
        definitions=node.definitions,
    )
    write_file(settings.certificate, layout.host_certificate.read_text())
    write_file(settings.authorities, (layout.ca / "cert.pem").read_text())
    files = node_files(plan, settings, with_users=True)
    for path, text in ((settings.key, layout.host_key.read_text()), (settings.definitions, files.pop(DEFINITIONS))):
        write_file(path, text, mode=0o600)
        node.account.own(path)
    for name, text in files.items():
        write_file(node.etc / name, text)
    make_directory(node.plugins)
    build_plugin(node.plugins, rabbitmq_home=node.installation.home)
    let_everybody_read(node.plugins)
