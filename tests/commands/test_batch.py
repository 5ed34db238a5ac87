"""``dirac-mq-send -l --batch``: many lines in one message, and ``--unbatch`` in the readers, which gives them back."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support.broker import Broker
from support.commands import bodies, publish, rows, running, take
from support.queues import QueueFactory
from support.senders import CLOSED, chance, drained, kept, sender


def _numbers(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last))


@pytest.mark.parametrize("count", [50_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
def test_all_lines_in_order(devbroker: Broker, make_queue: QueueFactory, count: int) -> None:
    """They arrive complete and in their order, in less than a hundredth of the messages; summary and receipts count
    messages and lines."""
    name, cfg = make_queue()
    text = _numbers(0, count)
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "64k", "-j"]
    done = devbroker.command(argv, input=text, timeout=300)
    assert done.status == 0
    receipts = rows(done)
    assert sum(receipt["lines"] for receipt in receipts) == count
    assert len(receipts) < count / 100
    messages = len(receipts)
    assert f"{messages} sent ({count} lines), {messages} confirmed ({count} lines)" in done.stderr
    assert devbroker.count(name) == messages
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "--unbatch", "-F", r"%{body}\n"]
    read = devbroker.command(argv, timeout=300)
    assert (read.status, read.stderr) == (0, "")
    assert read.raw == text.encode()


def test_what_a_message_holds(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Each line with its newline, also where the last one had none; text/plain; a line over the size goes alone."""
    name, cfg = make_queue()
    long = "x" * 50
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "20"]
    assert devbroker.command(argv, input=f"a\n\nb\n{long}\nc\nno end").status == 0
    got = [(body, properties.headers["dirac-lines"]) for _, properties, body in _taken(devbroker, name)]
    assert got == [(b"a\n\nb\n", 3), (f"{long}\n".encode(), 1), (b"c\nno end\n", 2)]


def _taken(broker: Broker, name: str) -> list[tuple[Any, Any, bytes]]:
    got = take(broker, name)
    assert {properties.content_type for _, properties, _ in got} <= {"text/plain"}
    return got


def test_files_are_joined(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """Several files are one stream of lines."""
    name, cfg = make_queue()
    files = [tmp_path / "one", tmp_path / "two"]
    for file in files:
        file.write_text(f"{file.name} a\n{file.name} b\n")
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "1k", *map(str, files)]
    assert devbroker.command(argv).status == 0
    assert [body for _, _, body in take(devbroker, name)] == [b"one a\none b\ntwo a\ntwo b\n"]


def test_linger(devbroker: Broker, make_queue: QueueFactory) -> None:
    """A batch goes when its first line has waited for long enough, though the input goes on."""
    name, cfg = make_queue()
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "-j", "--batch", "64k", "--linger", "300ms"]
    with running(devbroker, argv) as command:
        for text in (b"1\n2\n", b"3\n"):
            command.feed(text)
            command.shows(b'"outcome":"confirmed"')
        assert command.end().status == 0
    assert [body for _, _, body in take(devbroker, name)] == [b"1\n2\n", b"3\n"]


@pytest.mark.parametrize("spool", [False, True])
def test_sigterm_closes_a_batch(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, spool: bool) -> None:
    """Lines that wait for more are sent, or kept where there is a spool; the process dies of the signal."""
    name, cfg = make_queue()
    path = tmp_path / "spool"
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "64k", "--linger", "1h", "-d"]
    with running(devbroker, [*argv, f"--spool={path}"] if spool else argv) as command:
        command.says("knows us as")
        command.feed(b"1\n2\n")
        _until_read(command.process)
        command.signal(signal.SIGTERM)
        assert command.process.wait(30) == -signal.SIGTERM
        assert "1 sent (2 lines)" in command.stderr
    there = [body.encode() for _, body in kept(path)]
    assert [*there, *(body for _, _, body in take(devbroker, name))] == [b"1\n2\n"]


def _until_read(process: Any) -> None:
    """Wait until the pipe to a process is empty."""
    import fcntl
    import termios

    deadline = time.monotonic() + 30
    left = bytearray(4)
    while True:
        fcntl.ioctl(process.stdin, termios.FIONREAD, left)
        if not int.from_bytes(left, "little"):
            return
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_spool_keeps_batches(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """From there ``spool flush -t`` sends them; ``spool cat`` and ``send --from-json`` do so too, with the ids and the
    time that they had."""
    name, cfg = make_queue()
    one, two = (f"--spool={tmp_path / each}" for each in ("one", "two"))
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "1k", "-j", "-o", CLOSED]
    for spool, first in ((one, 0), (two, 500)):
        done = devbroker.command([*argv, spool], input=_numbers(first, first + 500))
        assert done.status == 5
        assert f"{len(rows(done))} spooled" in done.stderr
        assert sum(row["lines"] for row in rows(done)) == 500
    flush = ["dirac-mq", "spool", "flush", "--cfg", str(cfg), "-t", "20s", one]
    assert devbroker.command(flush).status == 0
    log = devbroker.command(["dirac-mq", "spool", "cat", two]).stdout
    again = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--from-json"], input=log)
    assert again.status == 0
    assert "(500 lines)" in again.stderr
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "-j"]
    read = rows(devbroker.command(argv))
    saved = [json.loads(line) for line in log.splitlines()]
    for before, after in zip(saved, read[-len(saved) :], strict=True):
        for key in ("body", "headers"):
            assert before[key] == after[key]
        for key in ("message_id", "timestamp", "content_type"):
            assert before["properties"][key] == after["properties"][key]
    assert "".join(row["body"] for row in read) == _numbers(0, 1000)


def test_flush_has_a_deadline(devbroker: Broker, tmp_path: Path) -> None:
    """Where no broker answers, ``spool flush -t`` ends, and what waits still waits."""
    spool = f"--spool={tmp_path / 'spool'}"
    argv = ["dirac-mq-send", "demo.jobs", "-l", "--batch", "1k", "-o", CLOSED, spool]
    assert devbroker.command(argv, input="a\nb\n").status == 5
    done = devbroker.command(["dirac-mq", "spool", "flush", "-t", "1s", "-o", CLOSED, spool], timeout=30)
    assert (done.status, done.stdout) == (75, "")
    assert "1 entry left" in done.stderr
    assert [body for _, body in kept(tmp_path / "spool")] == ["a\nb\n"]


def test_a_signed_batch(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """The signature covers the number of lines; each line that is shown has its message's origin."""
    name, cfg = make_queue(Origin="signed")
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "1k"]
    assert devbroker.command(argv, input="a\nb\n").status == 0
    peek = devbroker.command(["dirac-mq-peek", name, "--cfg", str(cfg), "-j"])
    saved = tmp_path / "saved"
    saved.write_bytes(peek.raw)
    assert devbroker.command(["dirac-mq", "verify", str(saved)]).status == 0
    changed = peek.raw.replace(b'"dirac-lines":2', b'"dirac-lines":1')
    assert changed != peek.raw
    saved.write_bytes(changed)
    refused = devbroker.command(["dirac-mq", "verify", str(saved)])
    assert refused.status == 65
    assert "dirac-lines was changed after signing" in refused.stdout + refused.stderr
    read = devbroker.command(["dirac-mq-consume", name, "--cfg", str(cfg), "--drain", "--unbatch", "-j"])
    shown = rows(read)
    assert [(row["line"], row["body"], row["origin"]["level"]) for row in shown] == [
        (1, "a", "signed"),
        (2, "b", "signed"),
    ]
    assert {row["properties"]["message_id"] for row in shown} == {rows(peek)[0]["properties"]["message_id"]}


def test_the_number_of_messages(devbroker: Broker, make_queue: QueueFactory) -> None:
    """-n counts messages, whole ones; what is no batch stands between them as it is."""
    name, cfg = make_queue()
    send = ["dirac-mq-send", name, "--cfg", str(cfg)]
    assert devbroker.command([*send, "-l", "--batch", "4"], input="a\nb\nc\nd\n").status == 0
    assert devbroker.command([*send, "-m", "e\nf"]).status == 0
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--unbatch", "-j"]
    assert bodies(devbroker.command([*argv, "-n", "1"])) == ["a", "b"]
    rest = rows(devbroker.command([*argv, "-n", "2"]))
    assert [(row.get("line"), row["body"]) for row in rest] == [(1, "c"), (2, "d"), (None, "e\nf")]


def test_a_wrong_number_of_lines(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Somebody else's message that lies about it is shown as it is, with a warning."""
    name, cfg = make_queue()
    publish(devbroker, name, "a\nb\n", headers={"dirac-lines": 7}, message_id="liar")
    argv = ["dirac-mq-consume", name, "--cfg", str(cfg), "--unbatch", "-n", "1", "-j"]
    done = devbroker.command(argv)
    assert (done.status, bodies(done)) == (0, ["a\nb\n"])
    assert "message liar: header dirac-lines is 7, and the message holds 2; it is shown as it is" in done.stderr


def test_tail_shows_lines(devbroker: Broker, make_queue: QueueFactory) -> None:
    """``tail --unbatch`` as ``consume`` does; ``%{line}`` in a template."""
    name, cfg = make_queue()
    argv = ["dirac-mq-tail", name, "--cfg", str(cfg), "--unbatch", "-n", "1", "-F", r"%{line} %{body}\n"]
    with running(devbroker, argv) as command:
        command.says("following")
        send = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "1k"]
        assert devbroker.command(send, input="a\nb\n").status == 0
        done = command.end(30)
    assert (done.status, done.stdout) == (0, "1 a\n2 b\n")


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        (["send", "-m", "x", "--batch", "1k"], "--batch joins lines, and no lines are read"),
        (["send", "-0", "--batch", "1k"], "--batch joins lines, and no lines are read"),
        (["send", "-l", "--linger", "1s"], "--linger is how long a batch waits for more, and there is none"),
        (["send", "-l", "--batch", "17M"], "a message has 1 octet at least and 16M at most"),
        (["send", "-l", "--batch", "0"], "a message has 1 octet at least and 16M at most"),
        (["send", "-l", "--batch", "1k", "--id", "x"], "--id names one message, and this sends many"),
        (["consume", "-n", "1", "--unbatch", "--", "cat"], "a command takes whole messages"),
    ],
)
def test_what_does_not_go_together(devbroker: Broker, argv: list[str], complaint: str) -> None:
    """2, and nothing is sent or taken."""
    verb, *flags = argv
    done = devbroker.command([f"dirac-mq-{verb}", "demo.jobs", *flags])
    assert (done.status, done.stdout) == (2, "")
    assert complaint in done.stderr


def test_a_line_over_the_largest_message(devbroker: Broker, make_queue: QueueFactory) -> None:
    """Lines that stood before it in its batch are sent; 65."""
    name, cfg = make_queue()
    text = b"1\n2\n" + b"x" * (16 * 1024 * 1024) + b"\n3\n"
    argv = ["dirac-mq-send", name, "--cfg", str(cfg), "-l", "--batch", "64k"]
    done = devbroker.command(argv, input=text)
    assert (done.status, done.stdout) == (65, "")
    assert "line 3 has more than" in done.stderr
    assert [body for _, _, body in take(devbroker, name)] == [b"1\n2\n"]


@pytest.mark.parametrize("kills", [6, pytest.param(100, marks=pytest.mark.soak)])
def test_kills_at_random(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path, kills: int) -> None:
    """SIGKILL in the midst of batches with a spool, with and without a broker: no line is lost that was reported, and
    of each run's lines there is a beginning without a gap, in its order."""
    name, cfg = make_queue()
    path = tmp_path / "spool"
    dice = chance()
    reported: dict[str, int] = {}
    for run in range(kills):
        argv = [name, "--cfg", str(cfg), "--batch", "300", "--linger", "20ms", f"--spool={path}"]
        argv += ["-o", CLOSED] if dice.random() < 0.5 else []
        with sender(devbroker, argv, tmp_path) as one:
            one.feed([f"{run} {number}" for number in range(20_000)], every=0.001, at_once=dice.randrange(1, 50))
            one.until(dice.randrange(1, 40))
            one.process.send_signal(signal.SIGKILL)
            assert one.wait(30) == -signal.SIGKILL
            reported |= {receipt["message_id"]: int(receipt["lines"]) for receipt in one.receipts}
    flush = ["dirac-mq", "spool", "flush", "--cfg", str(cfg), f"--spool={path}"]
    assert devbroker.command(flush).status == 0
    arrived = dict(drained(devbroker, name))
    assert {each: arrived[each].count("\n") for each in reported} == reported
    lines = [line.split() for body in arrived.values() for line in body.splitlines()]
    for run in range(kills):
        mine = [int(number) for one, number in lines if int(one) == run]
        assert mine == list(range(len(mine)))
    assert lines
