"""The README beside rendered files: where each goes, and what else the host needs. It depends on the files alone."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import indent
from typing import TYPE_CHECKING

from diracmq_cli.admin.clusterconf import cluster_conf
from diracmq_cli.admin.conffiles import AMQPS_PORT, CONNECTION_MAX, NodeSettings
from diracmq_cli.admin.rendering import DEFINITIONS
from diracmq_cli.admin.signingterms import POLICIES
from diracmq_cli.core.model import QueueType

if TYPE_CHECKING:
    from diracmq_cli.admin.plan import Plan

OPEN_FILES = 65536

_NODES = ("rabbit@FIRST", "rabbit@SECOND", "rabbit@THIRD")
# Debian has no rabbitmq-streams on the PATH. RabbitMQ 3.10 may stumble over several new nodes at once (add_members in
# rabbit_stream_coordinator): it then goes on later, and until then one node's end can stop all streams.
_STREAMS = """
  for each stream             su -s /bin/sh rabbitmq -c '/usr/lib/rabbitmq/bin/rabbitmq-streams \\
                                add_replica --vhost VHOST STREAM rabbit@NODE'
  Before any node is stopped  rabbitmqctl eval 'ra:members({rabbit_stream_coordinator, node()}).'
                              should name all nodes: streams stand still when half of these are gone"""

_TEXT = """\
A RabbitMQ node as the Configuration Service asks for it, written by `dirac-mq broker render`.
`man dirac-mq-broker` explains each step and every right.

Files
-----
{files}
Not here, and to be on the host:
  {certificate}   the host certificate
  {key}   its key, to be read by the user rabbitmq alone (0400)
  {authorities}   CA certificates, CRLs (fetch-crl), signing policies, all readable by everybody

One Debian host
---------------
  apt-get install rabbitmq-server; systemctl stop rabbitmq-server
  rm -rf /var/lib/rabbitmq/mnesia     on a new host only: Debian has started it, and made a user guest
  install -d /usr/lib/rabbitmq/plugins; cp -r plugins/{plugin} /usr/lib/rabbitmq/plugins/
  install -o root -g rabbitmq -m 0640 rabbitmq.conf advanced.config enabled_plugins definitions.json {etc}/
  install -o root -g rabbitmq -m 0644 {bundle} {policies} {etc}/
  systemctl start rabbitmq-server

A broker that starts empty with these files makes no user guest; one that has been in use before may have it:
  rabbitmqctl delete_user guest

Limits of the host
------------------
  systemctl edit rabbitmq-server      [Service] LimitNOFILE={open_files}
      (one for each connection; rabbitmq.conf stops at {connections} of them)
  /etc/sysctl.d/60-rabbitmq.conf      net.core.somaxconn = 4096
                                      net.ipv4.tcp_max_syn_backlog = 8192
      (the kernel cuts the listeners' backlog of 4096 down to somaxconn)

Ports
-----
  {listeners}   AMQP over TLS: open to all clients; there is no plain listener
  4369, 25672   Erlang's own (epmd, distribution), neither authenticated by certificate nor encrypted: closed to all
                but the other nodes of a cluster
{more_ports}
A cluster
---------
Every node has the same files, its own host certificate and key, and the same /var/lib/rabbitmq/.erlang.cookie (0400).
Nodes find each other when they start for the first time. Before that, put on each of them (here for three; the first
node does not have the line that names it) {etc}/conf.d/10-cluster.conf:
{cluster}
  1. start the first node as above, then the others
  2. rabbitmqctl cluster_status     should list all of them as running
Queues are made when so many nodes run, and quorum queues and streams then have a member on each.

A new node that is added later, in the same way, gets no member of the queues that are there by itself:
  for all quorum queues       rabbitmq-queues grow rabbit@NODE all{streams}
Do not start a node without load_definitions: an empty one would make itself a user guest.
A classic queue lives on one node, and waits for it while it is down.

Users and rights
----------------
{users}
"""

_WITH_USERS = """\
The definitions hold users, rights and password hashes: keep the file from other eyes. They come back at each restart:
somebody whom `dirac-mq broker apply` has removed would be there again. For a first start only; then render without
--with-users."""

_WITHOUT_USERS = """\
The definitions hold none, so that a restart brings nobody back who was removed. Set them now and after each change of
the CS:
  dirac-mq broker apply --service {service}"""


def readme(
    plan: Plan, settings: NodeSettings, *, service: str, etc: str, plugin: str, bundle: str, with_users: bool
) -> str:
    """The README's text.

    Args:
        plan: what was rendered.
        settings: for which host.
        service: the service of the CS that was named.
        etc: the directory of RabbitMQ's configuration on the host.
        plugin: name of the plugin's directory.
        bundle: name of the CA bundle.
        with_users: whether the definitions hold users.
    """
    management = plan.demands.management
    ports = []
    if management is not None:
        where = "this machine only" if management.loopback else "open to whoever runs dirac-mq broker apply"
        ports.append(f"  {management.port}   management HTTP API ({'TLS' if management.tls else 'plain'}): {where}")
    if settings.prometheus is not None:
        ports.append(
            f"  {settings.prometheus}   Prometheus, on loopback: http://127.0.0.1:{settings.prometheus}/metrics"
        )
    has_streams = any(("x-queue-type", str(QueueType.STREAM)) in queue.arguments for queue in plan.topology.queues)
    users = _WITH_USERS if with_users else _WITHOUT_USERS.format(service=service)
    files = (
        (f"{etc}/rabbitmq.conf", "root:rabbitmq 0640", "listeners, login, limits"),
        (f"{etc}/advanced.config", "root:rabbitmq 0640", "TLS: what takes Erlang terms"),
        (f"{etc}/enabled_plugins", "root:rabbitmq 0640", ""),
        (
            f"{etc}/{DEFINITIONS}",
            "root:rabbitmq 0640",
            "exchanges, queues, bindings" + (", users, rights" if with_users else "; no users"),
        ),
        (f"{etc}/{bundle}", "root:rabbitmq 0644", "certification authorities that may vouch for clients"),
        (f"{etc}/{POLICIES}", "root:rabbitmq 0644", "what each of them may certify"),
        (f"/usr/lib/rabbitmq/plugins/{plugin}", "root:root 0755", "from plugins/ here"),
    )
    return _TEXT.format(
        etc=etc,
        bundle=bundle,
        policies=POLICIES,
        plugin=plugin,
        files=_columns(files),
        certificate=settings.certificate,
        key=settings.key,
        authorities=settings.revocations,
        open_files=OPEN_FILES,
        connections=CONNECTION_MAX,
        listeners=", ".join(map(str, settings.listeners)) or AMQPS_PORT,
        more_ports="".join(line + "\n" for line in ports),
        cluster=indent(cluster_conf(_NODES, _NODES[-1]).strip(), "  "),
        streams=_STREAMS if has_streams else "",
        users=users,
    )


def _columns(rows: Sequence[tuple[str, str, str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "".join(f"  {row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() + "\n" for row in rows)
