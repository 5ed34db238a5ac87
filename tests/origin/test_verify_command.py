"""``dirac-mq verify``: a verdict on each saved envelope, without a broker."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.chains import proxy
from support.origin_world import JANE, OriginWorld, a_message, delivered, sign, signer_of

from diracmq_cli.core.envelope import encode
from diracmq_cli.core.message import Delivery
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.values import Timestamp
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.output.save import SaveSink

RUN = [sys.executable, "-c", "from diracmq_cli.cli.apps import single; single('verify')(prog_name='dirac-mq-verify')"]
JOHN = "/DC=org/DC=example/CN=John Roe"
CLAIMED = Verdict(level=OriginLevel.CLAIMED, dn=JANE)


@dataclass(frozen=True)
class Done:
    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Desk:
    """Signed deliveries, and the command that looks at them."""

    world: OriginWorld
    directory: Path
    good: Delivery
    johns: Delivery

    @property
    def bad(self) -> Delivery:
        return replace(self.good, message=replace(self.good.message, body=b"another body"))

    def file(self, *deliveries: Delivery, name: str = "saved.json") -> str:
        (self.directory / name).write_text("".join(encode(delivery, CLAIMED) + "\n" for delivery in deliveries))
        return name

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "LANG": "C.UTF-8",
            "X509_CERT_DIR": self.world.ca_directory,
        }

    def run(self, *argv: str, stdin: str = "", **more: str) -> Done:
        env = {**self.environment, **more}
        done = subprocess.run(
            [*RUN, *argv], input=stdin, capture_output=True, text=True, timeout=30, env=env, cwd=self.directory
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def desk(world: OriginWorld, tmp_path: Path) -> Desk:
    john = world.person(cn="John Roe")
    janes = sign(signer_of(tmp_path, proxy(world.jane), world.jane, many=True), a_message(message_id="one"))
    johns = sign(signer_of(tmp_path, proxy(john), john), a_message(JOHN, message_id="two"))
    return Desk(world, tmp_path, delivered(janes), delivered(johns))


def test_all_good(desk: Desk) -> None:
    """Exit 0, one line a message: verdict, signer, id, place; nothing on stderr."""
    done = desk.run(desk.file(desk.good, desk.johns))

    assert (done.status, done.stderr) == (0, "")
    assert done.stdout == f"✓ signed\t{JANE}\tone\tsaved.json:1\n✓ signed\t{JOHN}\ttwo\tsaved.json:2\n"


def test_one_bad_among_good_ones(desk: Desk) -> None:
    """Exit 65; every message has its verdict, stderr says how many are refused."""
    done = desk.run(desk.file(desk.good, desk.bad, desk.johns))

    assert done.status == 65
    assert done.stdout.splitlines()[1] == "✗ the body was changed after signing\t-\tone\tsaved.json:2"
    assert done.stdout.splitlines()[2].startswith("✓ signed\t")
    assert done.stderr == "dirac-mq-verify: error: 1 of 3 messages do not verify\n"


def test_json(desk: Desk) -> None:
    """With -j each verdict is an object whose origin is as in an envelope, with a code for programs."""
    done = desk.run("-j", desk.file(desk.good, desk.bad))
    rows = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.status == 65
    assert rows == [
        {"file": "saved.json", "line": 1, "message_id": "one", "origin": {"level": "signed", "dn": JANE}},
        {
            "file": "saved.json",
            "line": 2,
            "message_id": "one",
            "origin": {"level": None, "reason": "the body was changed after signing", "code": "body-changed"},
        },
    ]


def test_standard_input_and_files(desk: Desk) -> None:
    """``-`` is standard input, in its place among the files."""
    name = desk.file(desk.johns)
    done = desk.run("-", name, stdin=encode(desk.good, CLAIMED))

    assert (done.status, done.stderr) == (0, "")
    assert [line.split("\t")[3] for line in done.stdout.splitlines()] == ["standard input:1", "saved.json:1"]


def test_what_consume_saves(desk: Desk) -> None:
    """The files of --save are envelopes."""
    sink = SaveSink(desk.directory / "inbox")
    for delivery in (desk.good, desk.johns):
        sink.write(delivery, CLAIMED)
    sink.flush()
    files = sorted(str(path) for path in (desk.directory / "inbox").glob("*.json"))
    done = desk.run(*files)

    assert (done.status, len(done.stdout.splitlines()), done.stderr) == (0, 2, "")


def test_a_dead_letter_is_judged_by_where_it_died(desk: Desk) -> None:
    """A saved dead letter verifies although queue, exchange and routing key are others now."""
    death = {
        "queue": "demo.jobs",
        "exchange": "demo.jobs.x",
        "routing-keys": ["job.done"],
        "time": Timestamp(1795485483),
        "reason": "rejected",
        "count": 1,
    }
    headers = {**desk.good.message.headers, "x-death": [death]}
    message = replace(desk.good.message, headers=headers, routing_key="demo.jobs")
    dead = delivered(message, queue="demo.dead", exchange="demo.dead.x")

    assert desk.run(desk.file(dead)).status == 0


def test_lines_that_are_no_envelopes(desk: Desk) -> None:
    """They are refused one by one, and do not keep the others from being read; blank lines do not count."""
    desk.file(desk.good)
    text = "noise\n\n" + (desk.directory / "saved.json").read_text() + '{"v":2}\n'
    (desk.directory / "saved.json").write_text(text)
    done = desk.run("saved.json")

    assert done.status == 65
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(fields[0].split(":")[0], fields[3]) for fields in lines] == [
        ("✗ no envelope", "saved.json:1"),
        ("✓ signed", "saved.json:3"),
        ("✗ no envelope", "saved.json:4"),
    ]


def test_an_unsigned_message_is_refused(desk: Desk) -> None:
    """A message without a stamp proves nothing."""
    headers = {name: value for name, value in desk.good.message.headers.items() if name != "dirac-stamp"}
    unsigned = replace(desk.good, message=replace(desk.good.message, headers=headers))
    done = desk.run("-j", desk.file(unsigned))

    assert done.status == 65
    assert json.loads(done.stdout)["origin"]["code"] == "no-stamp"


def test_age(desk: Desk) -> None:
    """Saved messages may be old; --max-age asks for younger ones."""
    old = int(time.time()) - 7200
    signer = signer_of(desk.directory, proxy(desk.world.jane), desk.world.jane)
    name = desk.file(delivered(sign(signer, a_message(now=old))))

    assert desk.run(name).status == 0
    done = desk.run("--max-age", "1h", name)
    assert (done.status, done.stdout.startswith("✗ was signed 2h")) == (65, True)


def test_allowed_signers(desk: Desk) -> None:
    """With --allow-dn only those listed are accepted."""
    (desk.directory / "dns").write_text(f"# producers\n{JANE}\n")
    done = desk.run("--allow-dn", "dns", "-j", desk.file(desk.good, desk.johns))
    origins = [json.loads(line)["origin"] for line in done.stdout.splitlines()]

    assert done.status == 65
    assert origins[0] == {"level": "signed", "dn": JANE}
    assert (origins[1]["code"], origins[1]["reason"]) == ("not-allowed", f"{JOHN} is not among those allowed")


@pytest.mark.parametrize(
    ("argv", "status", "said"),
    [
        ([], 2, "Missing argument"),
        (["missing.json"], 2, "cannot open missing.json"),
        (["-", "-"], 2, "can be read once only"),
        (["empty.json"], 3, "no envelope in empty.json"),
        (["--capath", "missing", "empty.json"], 77, "is not a directory"),
        (["--allow-dn", "missing", "empty.json"], 2, "--allow-dn: cannot read missing"),
        (["--allow-dn", "bad", "empty.json"], 78, "bad, line 1: "),
        (["--max-age", "soon", "empty.json"], 2, "is not a duration"),
    ],
)
def test_refusals(argv: list[str], status: int, said: str, desk: Desk) -> None:
    """What cannot be done is said on stderr, with nothing on stdout."""
    desk.file(name="empty.json")
    (desk.directory / "bad").write_text("Jane\n")
    done = desk.run(*argv)

    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr


def test_ctrl_c_while_it_waits(desk: Desk) -> None:
    """Verdicts come as lines come, and an interrupt ends the wait with 130."""
    process = subprocess.Popen(
        [*RUN, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=desk.environment, cwd=desk.directory
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(desk.good, CLAIMED).encode() + b"\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("✓ signed".encode())
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=10) == -signal.SIGINT
    process.stdin.close()
    process.stdout.close()


def test_terminal(desk: Desk) -> None:
    """On a terminal the verdict is coloured and stands first; what others wrote cannot act there."""
    odd = replace(desk.bad, message=replace(desk.bad.message, headers={**desk.bad.message.headers, "\x1b[2J": 1}))
    name = desk.file(desk.good, odd)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*RUN, name],
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env={**desk.environment, "TERM": "xterm"},
        cwd=desk.directory,
    )
    os.close(slave)
    shown = b""
    while b"\n" not in shown or process.poll() is None:
        try:
            shown += os.read(master, 4096)
        except OSError:
            break
    os.close(master)
    assert process.wait(timeout=10) == 65
    assert shown.startswith("\x1b[32m✓ signed\x1b[m".encode())
    assert b"\x1b[2J" not in shown
    assert b"header \\x1b[2J was added" in shown
