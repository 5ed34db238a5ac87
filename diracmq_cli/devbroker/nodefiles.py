"""The files that a node starts from: configuration, definitions, copies of the host's credential, the plugin."""

from __future__ import annotations

from diracmq_cli.admin.conffiles import NodeSettings, advanced_config, enabled_plugins, rabbitmq_conf
from diracmq_cli.admin.plugin import build_plugin
from diracmq_cli.core.model import HostPort
from diracmq_cli.devbroker.definitions import Setup
from diracmq_cli.devbroker.files import let_everybody_read, make_directory, write_file
from diracmq_cli.devbroker.node import Node
from diracmq_cli.devbroker.state import LOOPBACK, State


def prepare(node: Node, state: State, setup: Setup) -> None:
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
        passwords=setup.passwords,
        consumer_timeout=setup.consumer_timeout,
    )
    write_file(settings.certificate, layout.host_certificate.read_text())
    write_file(settings.authorities, (layout.ca / "cert.pem").read_text())
    for path, text in ((settings.key, layout.host_key.read_text()), (settings.definitions, setup.definitions)):
        write_file(path, text, mode=0o600)
        node.account.own(path)
    write_file(node.etc / "rabbitmq.conf", rabbitmq_conf(settings))
    write_file(node.etc / "advanced.config", advanced_config(settings))
    write_file(node.etc / "enabled_plugins", enabled_plugins())
    make_directory(node.plugins)
    build_plugin(node.plugins, rabbitmq_home=node.installation.home)
    let_everybody_read(node.plugins)
