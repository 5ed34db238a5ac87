"""What the operations ask of the outside world. Adapters: ``broker`` (AMQP), ``input``, ``output``.

These seams are narrow and batch-friendly on purpose: another AMQP implementation has only these to fill.
No method blocks beyond the timeout that it is given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from diracmq_cli.core.message import Delivery, Handled, Message, Receipt
    from diracmq_cli.core.model import QueueSpec
    from diracmq_cli.core.policy import Refused
    from diracmq_cli.core.spool import Label, SpoolEntry
    from diracmq_cli.core.verdict import Verdict

T_co = TypeVar("T_co", covariant=True)


class Publisher(Protocol):
    """Publishes persistent, mandatory messages with confirms pipelined (AMQP confirm.select)."""

    @property
    def in_flight(self) -> int:
        """Messages published and not yet settled by the broker."""

    @property
    def ready(self) -> bool:
        """True while the window (in messages and in octets) has room and the broker does not block us."""

    @property
    def blocked(self) -> str | None:
        """The broker's reason while it blocks publishers (connection.blocked), else None."""

    def publish(self, exchange: str, message: Message) -> int:
        """Hand one message to the connection; returns its sequence number. Does not wait for the confirm.

        Raises:
            DataError: the message exceeds a limit that the broker would close the channel for.
            BrokerLost: the connection has ended.
        """

    def turn(self, timeout: float | None, fd: int | None = None) -> Sequence[Receipt]:
        """Process network events until a receipt is there, ``fd`` is readable, a stop was asked for, or ``timeout``
        seconds (None: no limit) have passed; returns the receipts that came. Heartbeats go on meanwhile.

        Raises:
            UnknownDestination: the exchange does not exist (AMQP 404).
            PermissionDenied: we may not write to it (403).
            BrokerLost: the connection has ended; what is in flight has an unknown fate.
        """

    def close(self) -> None:
        """Close channel and connection, within a second or so, whatever the other side does."""


class Dialler(Protocol[T_co]):
    """Connects to a broker while its caller does something else."""

    @property
    def busy(self) -> bool:
        """True from ``begin`` until ``result`` was taken."""

    @property
    def done(self) -> bool:
        """True when ``result`` does not have to wait."""

    def begin(self, timeout: float) -> None:
        """Begin to look up names, connect and log in, all within so many seconds."""

    def fileno(self) -> int:
        """A descriptor that is readable when the attempt has ended."""

    def result(self) -> T_co:
        """What the new connection is for: a publisher, a receiver.

        Raises:
            MQError: there is none, for that reason; every address that failed is named.
        """


class Receiver(Protocol):
    """Delivers messages of one queue one by one and settles them."""

    @property
    def ended(self) -> bool:
        """True when the connection has ended: everything unsettled is back in the queue."""

    @property
    def heard(self) -> float:
        """When something last came from the broker, heartbeats too, in seconds of ``time.monotonic``."""

    def receive(self, timeout: float | None, fd: int | None = None) -> Delivery | None:
        """The next delivery; None when ``timeout`` seconds passed, ``fd`` is readable, a stop was asked for, or (when
        getting rather than consuming) the queue is empty. 0 returns what is already here.

        Raises:
            UnknownDestination: no such queue, or it was deleted under us (basic.cancel).
            PermissionDenied: we may not read it.
            BrokerLost: the connection has ended; unsettled deliveries will come again.
        """

    def turn(self, timeout: float | None, fd: int | None = None) -> bool:
        """Process network events (heartbeats too) until ``fd`` is readable, a stop was asked for, or ``timeout``
        seconds passed; deliveries that come meanwhile wait for ``receive``. Returns whether ``fd`` is readable.

        Raises:
            BrokerLost: the connection has ended.
        """

    def ack(self, delivery: Delivery) -> None:
        """Acknowledge this delivery and every earlier unsettled one (basic.ack, multiple)."""

    def ack_one(self, delivery: Delivery) -> None:
        """Acknowledge this delivery alone; earlier ones may stay in hand."""

    def want_more(self) -> None:
        """A delivery does not count towards the limit of this receiver: one more may come."""

    def requeue(self, delivery: Delivery) -> None:
        """Give one delivery back: not this message's fault (basic.nack, requeue)."""

    def reject(self, delivery: Delivery) -> None:
        """Dead-letter one delivery: it is this message's fault (basic.reject, no requeue)."""

    def put_back(self) -> None:
        """Return everything unsettled, keeping the order as well as this broker and queue type can, and wait until
        the broker has done so."""

    def ready_count(self) -> int:
        """Messages ready in the queue now, as the broker counts them (queue.declare, passive)."""

    def close(self) -> None:
        """Close channel and connection, within a second or so. Unsettled deliveries return to the queue."""


class QueueStatus(Protocol):
    """What a broker tells of one queue."""

    @property
    def ready(self) -> int | None:
        """Messages ready to be delivered, or None where it cannot be seen."""

    @property
    def consumers(self) -> int | None:
        """Consumers, or None."""

    @property
    def problem(self) -> str | None:
        """Why there are no figures: ``no such queue``, ``may not look``; else None."""


class Inspector(Protocol):
    """Asks one broker about queues."""

    def status(self, names: Sequence[str], timeout: float) -> Sequence[QueueStatus]:
        """One status per name, in order; a missing or forbidden queue is a status, not an error."""

    def close(self) -> None:
        """Close channel and connection."""


class Source(Protocol):
    """Where outgoing messages come from: an argument, files, standard input."""

    def fileno(self) -> int | None:
        """A descriptor that becomes readable when there is more; None when ``read`` never has to wait."""

    def read(self) -> Sequence[Message] | None:
        """The messages that are here now (perhaps none), or None at the end.

        Raises:
            DataError: the input is not what it should be; the message names file and line.
        """


class Sink(Protocol):
    """Where received messages go: printed, saved, or handed to a command."""

    def write(self, delivery: Delivery, verdict: Verdict) -> None:
        """Take one message. It may be buffered until ``flush``.

        Raises:
            OutputError: it cannot be written.
            BrokenPipeError: the reader of standard output has gone.
        """

    def flush(self) -> None:
        """Make everything written so far as safe as this sink can; afterwards it may be acknowledged."""


class Rejects(Protocol):
    """Where messages are put that their reader refuses, each with the reason (``--reject-to``)."""

    def write(self, delivery: Delivery, verdict: Verdict, refused: Refused) -> None:
        """Take one message. It may be buffered until ``flush``.

        Raises:
            OutputError: it cannot be written.
        """

    def flush(self) -> None:
        """Make everything written so far durable; afterwards it may be acknowledged."""


class Seen(Protocol):
    """Remembers which signed messages were taken, longer than this process lives.

    A message is known by its signer's DN and its id. One that is only claimed to be somebody's is never asked for.
    """

    def knows(self, signer: str, message_id: str) -> bool:
        """Whether that message was taken before.

        Raises:
            OutputError: what is remembered cannot be read.
        """

    def add(self, taken: Collection[tuple[str, str]]) -> None:
        """Remember messages, durably when this returns: pairs of signer and id.

        Raises:
            OutputError: they cannot be remembered.
        """

    def close(self) -> None:
        """Let go of it."""


class Child(Protocol):
    """A command that handles one message."""

    def fileno(self) -> int:
        """A descriptor that becomes readable when the command has ended."""

    def terminate(self) -> None:
        """Ask it to end now: SIGTERM first; called again, SIGKILL."""

    def result(self) -> Handled:
        """What it made of the message; waits for the end, which ``fileno`` has announced."""


class Launcher(Protocol):
    """Starts commands, one for each message."""

    def start(self, delivery: Delivery, verdict: Verdict) -> Child:
        """Start one; a command that cannot be started is a child that has already ended.

        Raises:
            OutputError: the message cannot be handed over.
        """

    def fileno(self) -> int:
        """A descriptor that is readable while ``ended`` would name a child."""

    def ended(self) -> Sequence[Child]:
        """The children that have ended, each named once."""


class Clock(Protocol):
    """A monotonic clock in seconds (``time.monotonic``)."""

    def __call__(self) -> float:
        """Seconds since some fixed moment."""


class Stop(Protocol):
    """Whether a signal has asked us to end."""

    @property
    def requested(self) -> bool:
        """True from the first SIGINT or SIGTERM on."""


class Session(Protocol):
    """One logged-in connection to a broker; each method below opens what it returns on it.

    A session serves one publisher, one receiver or one inspector; closing that closes the session.
    """

    @property
    def login(self) -> str:
        """The name the broker knows us by: the end entity's DN, or a server's login."""

    @property
    def local_address(self) -> str:
        """Our address on this connection, as the kernel gives it."""

    @property
    def peer(self) -> str:
        """The broker's host and port that answered."""

    @property
    def server_version(self) -> tuple[int, ...]:
        """The broker's version, such as (3, 10, 8)."""

    def publisher(self, *, max_messages: int = 1000, max_octets: int = 8 * 1024 * 1024) -> Publisher:
        """Publish with confirms, at most this much in flight."""

    def consumer(self, queue: QueueSpec, *, limit: int | None, prefetch: int = 200) -> Receiver:
        """Take messages (basic.consume), never more than ``limit`` of them in all, even unsettled."""

    def getter(self, queue: QueueSpec, *, limit: int) -> Receiver:
        """Get up to ``limit`` messages (basic.get) to be held together."""

    def stream_reader(self, queue: QueueSpec, *, offset: str | int, prefetch: int = 200) -> Receiver:
        """Read a stream (basic.consume with ``x-stream-offset``) from ``first``, ``last``, ``next``, an offset, or a
        timestamp written as RFC 3339. Nothing is taken; ``ack`` only asks for more."""

    def tail(
        self, queue: QueueSpec, *, patterns: Sequence[str], on_full: Callable[[], None], bound: int = 10_000
    ) -> Receiver:
        """Follow copies of what reaches a queue: a private exclusive queue of at most ``bound`` messages
        (drop-head), bound to its tap with each pattern. ``on_full`` is told when that is so full that messages may
        have been dropped, and again only after it has been half empty."""

    def inspector(self) -> Inspector:
        """Ask about queues."""

    def close(self) -> None:
        """Close the connection, within a second or so."""


class Backlog(Protocol):
    """What one run of a sender left in the spool, in its order; held by us alone until it is closed."""

    @property
    def label(self) -> Label:
        """Whose it is and where it was going."""

    def read(self, most: int) -> Sequence[SpoolEntry]:
        """The next entries, each once; none at the end, or while there is nothing new.

        Raises:
            OutputError: the spool cannot be read.
        """

    def confirm(self, entries: Sequence[SpoolEntry]) -> None:
        """Take entries that the broker has confirmed off the spool. What is read and never confirmed stays.

        Raises:
            OutputError: the spool cannot be written.
        """

    def rewind(self) -> None:
        """Begin again with everything that has not been confirmed; what was read before is forgotten."""

    def close(self) -> None:
        """Let go of it; its files are removed once nothing is left in them.

        Raises:
            OutputError: the spool cannot be written.
        """


class Keeper(Protocol):
    """Keeps the messages of a running sender in the spool."""

    @property
    def backlog(self) -> Backlog | None:
        """What this very run has kept, to be sent before anything newer; None before the first message."""

    def waiting(self) -> int:
        """How many of the messages kept still wait.

        Raises:
            OutputError: the spool cannot be read.
        """

    def append(self, messages: Sequence[Message]) -> None:
        """Keep messages. They are on the disk when this returns; when it raises, none of them is.

        Raises:
            DataError: a message that no broker would take.
            OutputError: the disk is full, read-only or failing, or a message is larger than the spool may be.
        """

    def close(self) -> None:
        """Let go of what is kept: the next sender, or ``dirac-mq spool flush``, may have it."""
