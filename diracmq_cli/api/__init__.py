"""Messages from Python: the operations of ``dirac-mq`` without its command line.

::

    from diracmq_cli import open_queue

    with open_queue("demo.jobs") as queue:
        queue.publish("payload started")           # confirmed by the broker when this returns
        for message in queue.messages(drain=True):
            print(message.text, message.origin.level, message.origin.dn)
            message.ack()

Configuration, credentials and trust are found as the commands find them (``X509_USER_PROXY``, ``DIRACSYSCONFIG``,
``DIRAC_MQ_CFG``, the remote CS …), or are passed in: ``open_queue(…, setup=Choices(cfg_files=("my.cfg",)))``.

Publish
    ``publish`` returns when the broker has confirmed the message; ``publish_many`` has thousands in flight. What is
    published is a ``str``, ``bytes``, or an ``Outgoing`` with headers, type, priority and so on. Each message bears the
    sender's stamp, and with ``sign=True`` (or where the CS wants it) his signature. ``spool=True`` keeps on disk what
    the broker does not take: the receipt then says ``SPOOLED``, and the next sender with that spool, or
    ``dirac-mq spool flush``, sends it. Without a spool, a loss of the broker is bridged for ``outage`` seconds.

Take
    ``messages()`` is an iterator; a message leaves the queue when it is told to (``ack``, or ``reject`` to the
    dead-letter queue) and goes back by ``requeue``, or when the loop is left. With ``auto_ack=True`` to ask for the
    next message settles the last one. ``consume(callback)`` acknowledges when the callback returns; when it raises, the
    message goes back. Who sent a message, and how well that is known, is ``message.origin``; what is not good enough
    (``trust=TrustOptions(require=OriginLevel.SIGNED)``, or the CS's ``Origin``, ``AllowedDNs`` and ``AllowedGroups``)
    never reaches the program. A message may come twice: after a loss of the connection its settlement returns False.

Look
    ``peek`` shows the next messages and leaves them there, in order. ``status`` tells how many are ready.

Log
    ``MQHandler("demo.logs")`` is a ``logging.Handler`` that never blocks.

Threads, signals, forks
    A ``Queue`` belongs to the thread that opened it; open as many as you like. Heartbeats are answered by threads of
    the API's own, so that a program may think about a message for as long as the queue's ConsumerTimeout allows. A
    signal handler calls ``queue.stop()`` to end a loop after the message in hand, or ``queue.close()`` to end
    everything now. A forked child opens its own.

Errors
    Everything that is raised on purpose is an ``MQError`` of ``diracmq_cli.errors``, with a ``hint`` where there is one
    and the ``exit_status`` that a command would end with.
"""

from diracmq_cli.api.loghandler import MQHandler
from diracmq_cli.api.message import Message, Peeked
from diracmq_cli.api.opening import open_queue
from diracmq_cli.api.outgoing import Outgoing
from diracmq_cli.api.queue import Queue
from diracmq_cli.core.identity import CredentialRequest
from diracmq_cli.core.message import Outcome, Receipt
from diracmq_cli.core.model import OriginLevel, QueueState
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import MQError
from diracmq_cli.operations.account import SendSummary
from diracmq_cli.operations.handle import HandleSummary, OnFail
from diracmq_cli.operations.refusing import OnUntrusted
from diracmq_cli.wiring.acceptance import TrustOptions
from diracmq_cli.wiring.sendoptions import SpoolChoice
from diracmq_cli.wiring.setup import Choices, Setup

__all__ = [
    "Choices",
    "CredentialRequest",
    "HandleSummary",
    "MQError",
    "MQHandler",
    "Message",
    "OnFail",
    "OnUntrusted",
    "OriginLevel",
    "Outcome",
    "Outgoing",
    "Peeked",
    "Queue",
    "QueueState",
    "Receipt",
    "SendSummary",
    "Setup",
    "SpoolChoice",
    "TrustOptions",
    "Verdict",
    "open_queue",
]
