"""The operator's guide, part of the man page of ``dirac-mq broker``."""

from __future__ import annotations

from diracmq_cli.cli.docs.guide import Lines, Section, Table

_HOST = Section(
    "FROM AN EMPTY HOST TO A BROKER",
    (
        """All of this is for Debian 12 (RabbitMQ 3.10) and later. The host needs a certificate of its own from a grid
        CA, with the name that clients will use, and the CA directory as IGTF's packages and fetch-crl(8) keep it:
        certificates, CRLs and signing policies under hashed names.""",
        """1. Install RabbitMQ. Debian starts it at once, in the clear and with a user guest: stop it, and forget what
        it has made. Install this package too; steps 4, 5 and 7 need it on the broker's host.""",
        Lines(
            """\
apt-get install rabbitmq-server
systemctl stop rabbitmq-server
rm -rf /var/lib/rabbitmq/mnesia
apt-get install python3-venv python3-dev
apt-get install swig gcc libc6-dev libssl-dev
python3 -m venv /opt/dirac-mq
/opt/dirac-mq/bin/pip install DIRECTORY-OF-THIS-PACKAGE
export PATH=/opt/dirac-mq/bin:$PATH"""
        ),
        "2. Let the broker, and nobody else, read the host's key.",
        Lines(
            """\
install -o rabbitmq -g rabbitmq -m 0400 hostkey.pem /etc/rabbitmq/
install -m 0644 hostcert.pem /etc/rabbitmq/"""
        ),
        """3. Describe the service and its queues in the Configuration Service, such as follows. The groups are those of
        /Registry. As long as the host knows no Configuration Service, a file of its own does, which DIRACSYSCONFIG
        names.""",
        Lines(
            """\
Resources
{
  MQServices
  {
    mq
    {
      Host = mq.example.org
      VHost = dirac
      MaxConnections = 50
      Queues
      {
        pilot.logging
        {
          Type = quorum
          DeliveryLimit = 1000000
          MaxLengthBytes = 20GB
          Overflow = reject-publish
          MessageTTL = 7d
          Publishers = group:dirac_pilot
          Consumers = /DC=org/DC=example/CN=logs.example.org
          Operators = group:dirac_admin
        }
      }
    }
  }
}"""
        ),
        "4. Write RabbitMQ's configuration, and put each file where the README beside it says.",
        Lines(
            """\
dirac-mq broker render --service mq --out rendered \\
  --ca-dir /etc/grid-security/certificates \\
  --host-cert /etc/rabbitmq/hostcert.pem \\
  --host-key /etc/rabbitmq/hostkey.pem
less rendered/README"""
        ),
        """What is odd is warned of; read the warnings. Definitions hold exchanges, queues and bindings, and no users:
        RabbitMQ loads them at each start, and a user in them would come back whom you had removed. A RabbitMQ that
        starts empty with such a file makes no user guest; without the file it would.""",
        "5. Start it, and give everybody the rights that the CS gives them.",
        Lines(
            """\
systemctl start rabbitmq-server
rabbitmqctl list_users
dirac-mq broker apply --service mq --node rabbit@$(hostname -s)
dirac-mq broker diff --service mq --node rabbit@$(hostname -s)"""
        ),
        """6. See it as a user does, from another host and with a proxy: a pilot may send, and a member of dirac_admin
        may look.""",
        Lines(
            """\
dirac-mq send pilot.logging -m hello
dirac-mq list
dirac-mq peek pilot.logging"""
        ),
        "7. Let the broker follow the CA directory: the command prints a systemd timer. New CRLs it sees by itself.",
        Lines(
            """\
dirac-mq broker trust --out /etc/rabbitmq \\
  --ca-dir /etc/grid-security/certificates --print-timer"""
        ),
    ),
)

_RIGHTS = Section(
    "RIGHTS",
    (
        """Whom the CS names gets exactly these rights on the broker; groups are expanded through /Registry when apply
        runs, for the broker knows DNs and no groups. On the broker, each queue NAME has two exchanges: NAME.x, which
        publishers write and nobody reads, and NAME.tap, which watchers read and nobody writes.""",
        Table(
            (
                (
                    "Publishers",
                    "write NAME.x. Not the queue itself: write on a queue and read on its exchange would let them "
                    "unbind it, or lead other people's messages elsewhere.",
                ),
                (
                    "Consumers",
                    "read the queue: take messages, look at them, and purge it, which RabbitMQ does not tell apart.",
                ),
                (
                    "Watchers",
                    "read NAME.tap and own private queues amq.gen-*, which a policy bounds and ends: they see copies "
                    "and take nothing. Of a stream they read the queue, where nothing is ever taken.",
                ),
                (
                    "Operators",
                    "what consumers and watchers have: they look after what waits, dead letters above all.",
                ),
                (
                    "Movers",
                    "write NAME.x, to put back what others had sent, and readers believe them whose it was. To take "
                    "the dead letters they need to be Operators or Consumers of the dead letter queue, too.",
                ),
            )
        ),
        """Nobody declares or deletes anything, writes a queue, or writes the default exchange, through which every
        queue can be reached; nobody has the tag impersonator, with which a message could name another sender. Every
        name in a right is escaped and the whole anchored, since RabbitMQ takes them for regular expressions.""",
        """RabbitMQ's rights are on names, and do not tell a queue from an exchange. So render, diff and apply refuse a
        queue that is called as an exchange, an exchange that is called as a tap, and names that begin with amq.""",
        """What RabbitMQ cannot forbid: who publishes to a queue C and watches a queue B can lead copies of B's messages
        into C, by a binding or by dead letters. Readers of C see which way they came, and show them as rerouted; diff
        reports such a binding, and apply --prune removes it. On RabbitMQ 3.10 and 4.0 everybody who may log in can
        ask whether a queue is there and how much waits in it.""",
    ),
)

_PILOTS = Section(
    "PILOTS",
    (
        """Pilots log in with a proxy, and the broker sees the DN of the certificate that it was made from. All pilots
        of a VO may share one DN, and a proxy can be taken from a worker node: let pilots run under a DN that has no
        other right than to publish. render warns where a DN of a group with the property GenericPilot or Pilot, or
        with pilot in its name, may also read; with --strict it refuses.""",
        """MaxConnections of the service is how many connections each user may have open, and MaxPilotConnections the
        same for the DNs of pilots; without it they have no limit but the node's.""",
    ),
)

_SERVERS = Section(
    "SERVERS WITH PASSWORDS",
    (
        """Where a service of the CS names a User, servers may log in with that name and a password, over TLS and with
        the host's certificate; everywhere else passwords are not even asked for. Such names are of a to z, 0 to 9, _
        and -, so that none looks like a DN. The password stands in a local CFG that only its owner can read; where
        apply or render --with-users finds it, the broker is told.""",
    ),
)

_LIMITS = Section(
    "LIMITS",
    (
        "A herd of pilots starts at once, and RabbitMQ's own values refuse most of it. The rendered ones:",
        Table(
            (
                (
                    "backlog 4096",
                    "connections that wait for their TLS handshake; the kernel cuts it at net.core.somaxconn",
                ),
                ("ssl_handshake_timeout, handshake_timeout 60 s", "for their turn to come"),
                ("channel_max 16", "channels of a connection"),
                ("connection_max 50000", "connections of a node; LimitNOFILE must be above it"),
                (
                    "consumer_timeout",
                    "how long a message may stay unsettled: the longest ConsumerTimeout of the queues, at least 30 min",
                ),
                (
                    "10 GB",
                    "what a queue may hold for which the CS sets no bound. It then refuses new messages, unless "
                    "Overflow says drop-head; a stream drops its oldest part",
                ),
                ("amq.gen-*", "private queues: 20000 messages or 256 MB, gone when unused for an hour"),
            )
        ),
        "Dead letters of a quorum queue are passed on at least once; for that it refuses new messages when full.",
    ),
)

_CHANGES = Section(
    "WHEN THE CS CHANGES",
    (
        """Rights, users, exchanges and bindings: run apply, from cron too. Whoever loses a right has open connections
        closed, since RabbitMQ checks a right only once per channel. Queues: a new one is made; one whose arguments
        differ is reported and left alone, for it would have to be deleted with what is in it. After a change of Host,
        ManagementURL, User or ConsumerTimeout render again, and restart the nodes one by one. The same CS and flags
        give the same files, and render says of each whether it has changed.""",
    ),
)

_CLUSTER = Section(
    "CLUSTERS",
    (
        """Every node has the same files, the same Erlang cookie and its own host certificate, and beside rabbitmq.conf
        a file conf.d/10-cluster.conf, which the README shows and by which nodes find each other at their first start.
        So quorum queues and streams have a member on each of three nodes from the beginning, and survive the loss of
        one. Of two parts of a cluster that do not see each other, the smaller stops. A node that is added later gets no
        members of queues that are there; the README says how to make them. Classic queues live on one node only.""",
        """List all nodes as Host, or give an alias that has all their addresses; run apply on one node. Erlang's own
        ports, 4369 and 25672, are for the nodes alone.""",
    ),
)

GUIDE = (_HOST, _RIGHTS, _PILOTS, _SERVERS, _LIMITS, _CHANGES, _CLUSTER)
