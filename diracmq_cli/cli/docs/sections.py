"""What man pages say that no flag says: exit statuses, environment, files, marks, template fields."""

from __future__ import annotations

from diracmq_cli.cli.docs.tree import Command
from diracmq_cli.errors import ExitStatus

Rows = tuple[tuple[str, str], ...]

_MEANINGS = {
    ExitStatus.OK: "everything asked for happened; for send: the broker confirmed every message",
    ExitStatus.FAILED: "failed, for the reason on stderr",
    ExitStatus.USAGE: "usage: flags or arguments that make no sense, or not together",
    ExitStatus.NOTHING: "nothing there: the queue is empty, or nothing came within the time",
    ExitStatus.PARTIAL: "partly: fewer than -n came, or a part was not sent; the counts are on stderr",
    ExitStatus.SPOOLED: "kept in the spool, and not confirmed by the broker (0 with --spool-ok)",
    ExitStatus.DATA: "bad data in",
    ExitStatus.NO_INPUT: "no such queue or exchange, on the broker or in the configuration",
    ExitStatus.UNROUTABLE: "unroutable: returned by the broker",
    ExitStatus.NO_HOST: "a host name does not resolve; worth a retry",
    ExitStatus.UNAVAILABLE: "broker unreachable, or the connection was lost; worth a retry",
    ExitStatus.IO_ERROR: "output or spool cannot be written",
    ExitStatus.TEMPORARY: "refused for now, or fate unknown; worth a retry",
    ExitStatus.PROTOCOL: "the other side does not speak AMQP 0-9-1 as it should",
    ExitStatus.NO_PERMISSION: "credential missing, expired or refused; permission denied",
    ExitStatus.CONFIG: "configuration wrong",
}

EXIT_STATUS: Rows = (
    *((str(status.value), meaning) for status, meaning in _MEANINGS.items()),
    ("130, 141, 143", "ended by SIGINT, SIGPIPE, SIGTERM"),
)

OF_COMPONENTS: Rows = (
    ("0", "it was told to end, and everything in hand was finished"),
    ("1", "it cannot begin, or cannot go on, for the reason on stderr"),
    ("2", "usage: the command line makes no sense"),
)
"""DIRAC's, for what runs for long."""


def exit_status(command: Command) -> Rows:
    """The exit statuses of a command."""
    return OF_COMPONENTS if command.name == "dirac-consumer" else EXIT_STATUS


ENVIRONMENT: Rows = (
    ("DIRAC_MQ_BROKER", "service or URL, as --broker"),
    ("DIRAC_MQ_TIMEOUT", "duration, as --timeout"),
    ("DIRAC_MQ_CFG", "CFG file, below those of --cfg"),
    ("DIRAC_MQ_CS_MAX_AGE", "duration, as --cs-max-age"),
    ("DIRAC_MQ_SPOOL", "directory of the spool, as --spool=DIR"),
    ("DIRACSYSCONFIG", "DIRAC's own list of CFG files, separated by commas"),
    ("X509_USER_PROXY", "the proxy (or, for pilots, a directory with hostcert.pem and hostkey.pem)"),
    ("X509_USER_CERT, X509_USER_KEY", "the user's certificate and key"),
    ("X509_CERT_DIR", "directory of trusted CAs"),
    ("DIRAC_PILOT_STAMP, JOBID, DIRACSITE", "what the stamp of a message says of pilot, job and site"),
    ("DIRAC_MQ_PYTHON", "the Python that the bundle for worker nodes runs on, see dirac-mq-cvmfs(7)"),
    ("NO_COLOR", "no colour"),
)

_OF_FLAGS = {"DIRAC_MQ_BROKER": "--broker", "DIRAC_MQ_TIMEOUT": "--timeout", "DIRAC_MQ_CS_MAX_AGE": "--cs-max-age"}


def environment(command: Command) -> Rows:
    """The environment of a command: of what stands for a flag, only where there is that flag; a suite has all."""
    flags = {flag for each in command.walk() for option in each.options for flag in option.flags}
    return tuple(row for row in ENVIRONMENT if _OF_FLAGS.get(row[0]) in {None, *flags})


FILES: Rows = (
    ("~/.dirac.cfg, $DIRACSYSCONFIG, etc/dirac.cfg", "CFG files, in this order, after -o and --cfg; the first wins"),
    ("/tmp/x509up_uUID", "the proxy, where neither flag nor environment names one"),  # noqa: S108 - a name, not used
    ("~/.globus/usercert.pem, ~/.globus/userkey.pem", "certificate and key, where there is no proxy"),
    ("/etc/grid-security/certificates", "trusted CAs"),
    (
        "$XDG_CACHE_HOME/dirac-mq, ~/.cache/dirac-mq",
        "the copy of the remote CS (without passwords), what was read from it, and names for completions",
    ),
)

MARKS: Rows = (
    ("✓ broker", "this broker authenticated that person or server, and the message came the way that the CS describes"),
    ("? claimed", "the sender says so, and nobody vouches for it"),
    ("✗ ...", "it contradicts itself or the CS, for the reason given: believe nothing of it"),
)

PLAIN_MARKS = {"✓": "+", "✗": "!"}
"""What stands for the marks where they cannot be shown, in output and in man pages."""

CHILD: Rows = (
    ("DIRAC_MQ_DN", "who sent it, only where the broker vouches for it; else DIRAC_MQ_CLAIMED_DN, what it says itself"),
    ("DIRAC_MQ_ORIGIN", "broker or claimed; empty where the message contradicts itself or the CS"),
    ("DIRAC_MQ_ID, DIRAC_MQ_QUEUE, DIRAC_MQ_ROUTING_KEY", "message id, queue, routing key"),
    ("DIRAC_MQ_HEADER_NAME", "each header, its name in capitals, digits and underscores"),
    ("DIRAC_MQ_TRUNCATED", "1 where something was too large for an environment and was left out"),
)


def further(command: Command) -> tuple[tuple[str, str, Rows], ...]:
    """Sections that only some commands need: title, introduction, rows."""
    flags = {flag for option in command.options for flag in option.flags}
    sections: list[tuple[str, str, Rows]] = []
    if "--format" in flags:
        sections += [
            ("ORIGIN", "What the first column says of a message:", MARKS),
            ("TEMPLATE", "A template of --format may name:", _fields()),
        ]
    if "--exec" in flags:
        sections.append(("COMMAND", "A command finds in its environment:", CHILD))
    return tuple(sections)


def _fields() -> Rows:
    from diracmq_cli.output.template import FIELDS

    names = ", ".join(f"%{{{name}}}" for name in ("body", *(name for name in FIELDS if name != "body")))
    return (
        (names, "what the message has under that name; empty where it has nothing"),
        ("%{header:NAME}", "a header"),
        (r"%%, \n, \t, \r, \0, \\", "a percent sign, and these characters as in C"),
    )
