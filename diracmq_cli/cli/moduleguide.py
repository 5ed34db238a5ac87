"""How a consumer is described in the CS and what its module is, part of the man page of ``dirac-consumer``."""

from __future__ import annotations

from diracmq_cli.cli.docs.guide import Lines, Section, Table

_CONFIGURATION = Section(
    "CONFIGURATION",
    (
        "A consumer is a section of the CS, beside where a System has its agents:",
        Lines(
            """\
Systems
{
  Transformation
  {
    Consumers
    {
      NewFiles
      {
        Module = myextension.newfiles:NewFiles
        Queues = Transformation/NewFiles, lhcb::Queues::replicas
        Concurrency = 4
        MaxTries = 3
        Destination = Transformation/Work
      }
    }
  }
}"""
        ),
        """Up to DIRAC v8 it may stand below the System's instance. Whoever runs it needs the right to consume from each
        of its queues, and to publish to whatever its module forwards to. Times are written 500ms, 30s, 5m or 2h. All
        but Queues may be left out:""",
        Table(
            (
                ("Queues", "what it takes from, of one broker or several"),
                (
                    "Module",
                    "the name of an entry point of the group diracmq.consumers (PilotLog, Command and Batch come with "
                    "dirac-mq, see dirac-mq-usecases(7)), or package.module:Class; without it "
                    "<System>System.Consumer.<Name> of DIRAC or one of its extensions",
                ),
                ("Status", "Active; Stopped makes it end at once, with 0"),
                (
                    "Concurrency",
                    "how many messages are executed at a time, each in a thread with a module of its own (1)",
                ),
                (
                    "Prefetch",
                    "how many messages of each queue are in hand, those that wait for another try too (twice "
                    "Concurrency; 500 where the module overrides flush)",
                ),
                ("MaxTries", "how often a message may fail before it is dead-lettered (5)"),
                ("RetryDelay", "how long it waits for the next try (10s)"),
                (
                    "ExecuteTimeout",
                    "end the process when the module has been at one message for longer, so that the message goes "
                    "back; whatever supervises the consumer starts it again",
                ),
                ("MaxMessages", "end after so many, with 0"),
                (
                    "Origin, AllowedDNs, AllowedGroups",
                    "whose messages it takes and how well that must be known, beside what each queue asks for; what "
                    "is refused is dead-lettered and reaches no module",
                ),
                ("RejectTo", "a directory for what is given up, where a queue has no DeadLetterQueue"),
                (
                    "ControlDirectory",
                    "where stop_consumer is looked for, control/SYSTEM/NAME below DIRAC's root unless said otherwise",
                ),
                ("LogLevel", "DEBUG, VERBOSE, INFO, NOTICE, WARN, ERROR or FATAL"),
            )
        ),
        "Any other option is the module's own. MetricsPort and its kin are told of below.",
    ),
)

EXAMPLE = """\
from diracmq_cli import ConsumerModule, Reject


class NewFiles(ConsumerModule):
    def initialize(self):
        self.next = self.option("Destination", "Transformation/Work")

    def execute(self, message):
        lfn = message.text.strip()
        if not lfn.startswith("/"):
            raise Reject(f"{lfn!r} is no LFN")
        self.log.info("%s from %s", lfn, message.sender)
        message.forward(self.next, f"process {lfn}")

    def finalize(self):
        self.log.info("done")"""

_MODULES = Section(
    "MODULES",
    (
        "A module is a class:",
        Lines(EXAMPLE),
        """message.sender is the DN that the broker or a signature vouches for, None where it is only claimed.
        message.forward returns when the broker has confirmed; what is executed again is forwarded again under the same
        id. self.option gives an option as the type of its default. A module that overrides flush has many messages
        made durable together. pydoc diracmq_cli.consumer.module tells more.""",
    ),
)

_FATE = Section(
    "WHAT BECOMES OF A MESSAGE",
    (
        Table(
            (
                ("execute returns", "it is acknowledged (or, with flush, once flush has returned)"),
                ("Retry is raised", "it comes again after RetryDelay, or after=SECONDS; that is no failed try"),
                ("Reject is raised", "it is dead-lettered"),
                (
                    "anything else is raised, or S_ERROR returned",
                    "a failed try: it comes again after RetryDelay, and after MaxTries it is dead-lettered",
                ),
                (
                    "the process dies",
                    "it comes again, to whoever takes from the queue. What was being executed has one try more, so "
                    "that a message which kills its consumer is dead-lettered, too; the second time it is executed "
                    "alone, lest those beside it are blamed. A kill from outside counts the same",
                ),
                ("the connection is lost", "it comes again; that is no try. It may be executed twice"),
            )
        ),
        """A message that waits for another try stays in hand, for half of the queue's ConsumerTimeout at most, and then
        goes back; when it comes again it waits for the rest. Failed tries are counted in memory, by queue, sender and
        message id: a restart forgets them, except those that ended the process, which stand in the control directory.
        RabbitMQ takes back what has been in hand for longer than that time (30 minutes by default): where a
        module may need more, set ConsumerTimeout in the CS and on the broker. The consumer says at its start when
        ExecuteTimeout or RetryDelay are longer.""",
        """A dead letter bears its reason in the header dirac-moved (key reason) where the consumer is among the Movers
        of the dead-letter queue; else the broker dead-letters it, and the reason is in the log alone. dirac-mq move
        --redrive puts such letters back.""",
    ),
)

GUIDE = (_CONFIGURATION, _MODULES, _FATE)
