"""The spool for tests: directories, messages that tell their place, and processes that may be killed."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from support.broker import Broker, Completed

from diracmq_cli.core.message import PERSISTENT, Message, Properties
from diracmq_cli.core.spool import Flaw, Gap, Label, Owner, SpoolEntry
from diracmq_cli.spool import Directory, Spool

MEMORY = Path("/dev/shm")
"""Where spools stand that are made by the hundred; those that are killed, filled or timed stand on the disk."""

JANE = Owner("/DC=org/DC=example/CN=Jane Doe", "dev")
JOHN = Owner("/DC=org/DC=example/CN=John Roe", "dev")


def label(owner: Owner = JANE, queue: str = "demo.jobs") -> Label:
    return Label(owner=owner, destination=f"{owner.service}::Queues::{queue}", exchange=f"{queue}.x")


def open_spool(path: Path, **options: Any) -> Spool:
    return Spool(Directory.make(path), **options)


@contextmanager
def spool_in_memory() -> Iterator[Path]:
    """A path for a spool, in memory where the machine can; removed afterwards."""
    base = Path(tempfile.mkdtemp(prefix="dirac-mq-spool-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield base / "spool"
    finally:
        shutil.rmtree(base)


def line(text: str, *, timestamp: int | None = None, owner: Owner = JANE, size: int = 0) -> Message:
    """A stamped line as ``send -l`` would keep it; its id is its text, and its body that and so many octets more."""
    return Message(
        body=text.encode() + b"." * size,
        properties=Properties(
            message_id=text,
            timestamp=int(time.time()) if timestamp is None else timestamp,
            user_id=owner.login,
            app_id="dirac-mq/test",
            delivery_mode=PERSISTENT,
            content_type="text/plain",
        ),
        headers={"dirac-dn": owner.login, "dirac-host": "wn17.example.org", "dirac-ip": "192.0.2.7"},
    )


def lines(first: int, last: int, name: str = "line", **more: Any) -> list[Message]:
    """Lines ``name-first`` to ``name-(last - 1)``."""
    return [line(f"{name}-{number}", **more) for number in range(first, last)]


def waiting(spool: Spool) -> list[Message]:
    """The messages that wait, in order."""
    return [item.message for item in spool.survey() if isinstance(item, SpoolEntry)]


def ids(messages: Sequence[Message | SpoolEntry]) -> list[str]:
    plain = [item.message if isinstance(item, SpoolEntry) else item for item in messages]
    return [str(message.properties.message_id) for message in plain]


def gaps(spool: Spool) -> int:
    """How many entries the gaps that wait stand for."""
    return sum(item.entries for item in spool.survey() if isinstance(item, Gap))


def flaws(spool: Spool) -> list[Flaw]:
    return [item for item in spool.survey() if isinstance(item, Flaw)]


def take_all(spool: Spool, owner: Owner = JANE) -> list[Message]:
    """Take everything that ended senders left, as a flush whose broker confirms at once."""
    taken: list[Message] = []
    for backlog in spool.abandoned(owner):
        while entries := backlog.read(100):
            backlog.confirm(entries)
            taken += [entry.message for entry in entries]
        backlog.close()
    return taken


def files(path: Path) -> list[Path]:
    """The segments, in order."""
    return sorted(path.glob("*.seg"))


def forked(work: Callable[[int], None]) -> tuple[int, int]:
    """Run ``work`` in a process of its own; it may report by writing to the descriptor it is given.

    Returns its pid, and the descriptor on which its reports are read.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _work_and_exit(work, writing)
    os.close(writing)
    return pid, reading


def _work_and_exit(work: Callable[[int], None], writing: int) -> NoReturn:
    status = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work(writing)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def report(fd: int, number: int) -> None:
    """Say a number to whoever forked us."""
    os.write(fd, b"%d\n" % number)


def last_report(fd: int) -> int:
    """The last number that the process said before its end; 0 if none."""
    said = b""
    while piece := os.read(fd, 65536):
        said += piece
    os.close(fd)
    numbers = re.findall(rb"(\d+)\n", said)
    return int(numbers[-1]) if numbers else 0


def command(broker: Broker, path: Path, *arguments: str, **options: Any) -> Completed:
    """Run ``dirac-mq spool`` on a spool."""
    return broker.command(["dirac-mq", "spool", *arguments], DIRAC_MQ_SPOOL=str(path), **options)


def arrived(broker: Broker, queue: str) -> list[str]:
    """The ids of everything in a queue, which is emptied, by an independent client."""
    got: list[str] = []
    with broker.channel() as channel:
        while count := channel.queue_declare(queue, passive=True).method.message_count:
            for _, properties, _ in channel.consume(queue, auto_ack=True):
                got.append(properties.message_id)
                count -= 1
                if not count:
                    break
            channel.cancel()
    return got
