"""The operator's guide to consumers, part of the man page of ``dirac-consumer``."""

from __future__ import annotations

from diracmq_cli.cli.docs.guide import Lines, Section, Table

_METRICS = Section(
    "METRICS",
    (
        """These options of the consumer's section give its figures to Prometheus. They need prometheus_client, which
        pip install 'diracmq-cli[consumer]' brings along.""",
        Table(
            (
                ("MetricsPort", "a port to be scraped; each consumer on a host needs its own"),
                ("MetricsAddress", "where it listens: 127.0.0.1 unless said otherwise. Whoever reaches it may read it"),
                (
                    "MetricsFile",
                    "a file for the textfile collector of node_exporter, written every 15 seconds and at the end. Its "
                    "name ends in .prom, and two consumers must not share one",
                ),
            )
        ),
        "In prometheus.yml:",
        Lines(
            """\
scrape_configs:
  - job_name: dirac-consumers
    static_configs:
      - targets: ['localhost:9201', 'localhost:9202']"""
        ),
        """All names begin with dirac_consumer_, and all have the label component; those of messages have the label
        queue, too: messages_received_total, messages_handled_total, tries_failed_total, messages_retried_total,
        messages_dead_lettered_total, messages_refused_total (by their origin), messages_forwarded_total,
        messages_returned_total (unhandled), messages_lost_total (they come again) and reconnects_total. Of the
        consumer as a whole there are messages_in_hand, queues, queues_connected, broker_silent_seconds,
        longest_execute_seconds, resident_memory_bytes, cpu_seconds_total, start_time_seconds and the histogram
        execute_seconds. What the module counts itself is module_total, with the label name.""",
        "Worth an alert, for instance:",
        Lines(
            """\
dirac_consumer_queues_connected < dirac_consumer_queues
increase(dirac_consumer_messages_dead_lettered_total[15m]) > 0
increase(dirac_consumer_messages_refused_total[15m]) > 0"""
        ),
    ),
)

_HEALTH = Section(
    "HEALTH FILE",
    (
        """HealthFile names a file for whoever has to judge whether the consumer is at work or hangs. It holds one JSON
        object on one line, replaced as a whole every two seconds by the thread that watches over all others.""",
        Table(
            (
                ("pid, component", "whose it is"),
                ("time", "when it was written; so does the file's own time of modification"),
                (
                    "state, since",
                    "starting, running, disconnected (some of its queues are not being read; it goes on trying) or "
                    "stopping (what is in hand is finished)",
                ),
                ("in_hand", "messages taken and not yet settled"),
                ("broker_silent_seconds", "since a broker gave a sign of life; null without one"),
                ("executing_seconds", "for how long the module has been at its oldest message; null at rest"),
            )
        ),
        """A file older than a minute means that the process hangs, or was killed; no file, that it has ended as it
        should or was never started. So a check for a supervisor is:""",
        Lines("test $(( $(date +%s) - $(stat -c %Y FILE) )) -lt 60"),
        """A module that takes long does not make the file old, for that may be its way; executing_seconds tells,
        and ExecuteTimeout ends a process whose module has been at one message for too long.""",
    ),
)

_ACTIVITY = Section(
    "ACTIVITY RECORDS",
    (
        """Where the CS has a queue Framework/ComponentMonitoring (/Systems/Framework/MessageQueueing), the consumer
        sends DIRAC's record of activity there, every minute or as MonitoringInterval says. The consumer's DN has to be
        among the queue's Publishers. A message is a JSON list of records with the fields of DIRAC's monitoring type
        ComponentMonitoring: timestamp, host, component, componentType (consumer), pid, runningTime, memoryUsage in MB,
        cpuPercentage, threads, cycles (messages executed since the last record) and cycleDuration (seconds of each on
        average, absent if there was none). A record that the broker does not take is dropped, and the log says so
        once; nothing waits for it.""",
    ),
)

_RUNIT = Section(
    "UNDER RUNIT",
    (
        """--install-runit DIR writes a service as DIRAC lays out its components: run, log/run, log/config and
        control/t. It runs nothing, and overwrites what differs only with --force. For DIRAC's own runsvdir:""",
        Lines(
            """\
cd /opt/dirac
dirac-consumer Framework/PilotLog --install-runit runit/Framework/PilotLog
ln -s /opt/dirac/runit/Framework/PilotLog startup/Framework_PilotLog
sv status /opt/dirac/startup/Framework_PilotLog"""
        ),
        """run reads bashrc in DIRAC's root, if there is one, and then runs the consumer with the --cfg, -o and -d that
        were given. It inherits nothing of the shell that installed it: what the consumer needs of an environment
        belongs into bashrc. svlogd keeps the log in log/current.""",
        """sv stop and sv restart make the file stop_consumer in the control directory, by control/t: the consumer
        finishes what is in hand, however long that takes, and however often it is told. sv waits for 7 seconds; sv -w
        600 stop waits for longer. sv kill loses nothing either: what was in hand comes again.""",
        """Copies of a consumer share its work. On one host each needs a directory of its own, a control directory of
        its own (or a stop of one is a stop of all), and its own MetricsPort, MetricsFile and HealthFile:""",
        Lines(
            """\
dirac-consumer Framework/PilotLog --install-runit runit/Framework/PilotLog2 \\
    -o ControlDirectory=control/Framework/PilotLog2"""
        ),
    ),
)

GUIDE = (_METRICS, _HEALTH, _ACTIVITY, _RUNIT)
