"""Every failure of this package, as one tree; each class has its exit status (DESIGN: exit codes).

::

    MQError                          1  FAILED       the reason is the message
     ├─ UsageError                   2  USAGE        flags or arguments that make no sense together
     ├─ NothingThere                 3  NOTHING      queue empty, or no message within the time
     ├─ Partial                      4  PARTIAL      fewer than asked for
     ├─ Spooled                      5  SPOOLED      kept on disk, not confirmed by the broker
     ├─ DataError                   65  DATA         bad data in (an envelope, a file, a header)
     │   └─ VerificationError       65               a stamp that proves nothing; has a reason code
     ├─ UnknownDestination          66  NO_INPUT     no such queue or exchange, or unknown in the CS
     ├─ Unroutable                  67  UNROUTABLE   returned by the broker: no queue took it
     ├─ HostUnknown                 68  NO_HOST      the host name does not resolve
     ├─ BrokerUnreachable           69  UNAVAILABLE  no address answered, or the connection was lost
     │   └─ BrokerLost              69               … after it had been up
     ├─ CSUnreachable               69  UNAVAILABLE  no configuration server answered
     ├─ OutputError                 74  IO_ERROR     cannot write output or spool
     ├─ TemporaryFailure            75  TEMPORARY    nacked, blocked past the deadline, fate unknown
     ├─ ProtocolError               76  PROTOCOL     the other side does not speak AMQP 0-9-1 as it should
     ├─ AccessError                 77  NO_PERMISSION
     │   ├─ CredentialError         77               missing, unreadable, expired, refused credential
     │   └─ PermissionDenied        77               the broker knows us and says no
     └─ ConfigError                 78  CONFIG       the CS or a CFG file is wrong

A message is one lower-case sentence without a full stop; ``hint`` is the next thing to do. Neither ever holds a
password, a key or a message body.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import ClassVar


class ExitStatus(IntEnum):
    """Exit statuses of every command; 64 and above follow BSD ``sysexits.h`` where it has a word for it."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOTHING = 3
    PARTIAL = 4
    SPOOLED = 5
    DATA = 65
    NO_INPUT = 66
    UNROUTABLE = 67
    NO_HOST = 68
    UNAVAILABLE = 69
    IO_ERROR = 74
    TEMPORARY = 75
    PROTOCOL = 76
    NO_PERMISSION = 77
    CONFIG = 78


class MQError(Exception):
    """Root of the tree: anything that this package raises on purpose.

    Args:
        message: one lower-case sentence, no full stop.
        hint: the next thing to do, usually a command; None when there is nothing better to say.
    """

    exit_status: ClassVar[ExitStatus] = ExitStatus.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(MQError):
    """Flags or arguments that make no sense, or not together."""

    exit_status = ExitStatus.USAGE


class NothingThere(MQError):
    """The queue is empty, or no message came within the time."""

    exit_status = ExitStatus.NOTHING


class Partial(MQError):
    """Some of it was done: fewer messages than ``-n``, part of a batch."""

    exit_status = ExitStatus.PARTIAL


class Spooled(MQError):
    """Everything is safe, and some of it waits in the spool for a broker."""

    exit_status = ExitStatus.SPOOLED


class DataError(MQError):
    """Bad data in: an envelope, an input file, a header value, a message over a limit."""

    exit_status = ExitStatus.DATA


class VerificationError(DataError):
    """A stamp does not prove where its message came from: the one error of verification, whatever the bytes.

    Args:
        reason: a code for programs, one for each kind of refusal (``core.refusal.Refusal``).
        message: the same for people.
    """

    def __init__(self, reason: StrEnum, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class UnknownDestination(MQError):
    """No such queue or exchange on the broker (AMQP 404), or none of that name in the CS."""

    exit_status = ExitStatus.NO_INPUT


class Unroutable(MQError):
    """The broker returned the message: it reached the exchange and no queue (AMQP basic.return 312)."""

    exit_status = ExitStatus.UNROUTABLE


class HostUnknown(MQError):
    """A broker's host name does not resolve."""

    exit_status = ExitStatus.NO_HOST


class BrokerUnreachable(MQError):
    """No address of the broker answered within the deadline; every failed one is named."""

    exit_status = ExitStatus.UNAVAILABLE


class BrokerLost(BrokerUnreachable):
    """A connection that had been up ended; what was in flight has an unknown fate."""


class CSUnreachable(MQError):
    """No server of the Configuration Service answered, or none could answer in time; each is named."""

    exit_status = ExitStatus.UNAVAILABLE


class OutputError(MQError):
    """Standard output, a saved file or the spool cannot be written."""

    exit_status = ExitStatus.IO_ERROR


class TemporaryFailure(MQError):
    """Refused for now: nacked, blocked past the deadline, or its fate is unknown. Worth a retry."""

    exit_status = ExitStatus.TEMPORARY


class ProtocolError(MQError):
    """The peer is not an AMQP 0-9-1 broker, or breaks its rules."""

    exit_status = ExitStatus.PROTOCOL


class AccessError(MQError):
    """Who we are, or what we may do, is the problem."""

    exit_status = ExitStatus.NO_PERMISSION


class CredentialError(AccessError):
    """Certificate, proxy, key or password: missing, unreadable, expired, mismatched, or refused by the broker."""


class PermissionDenied(AccessError):
    """The broker knows who we are and does not allow it (AMQP 403 ACCESS_REFUSED)."""


class ConfigError(MQError):
    """The CS or a CFG file is wrong; the message names section, option and file."""

    exit_status = ExitStatus.CONFIG
