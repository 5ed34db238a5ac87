"""``dirac-mq spool ls``, ``cat`` and ``rm``: what is on which stream, and that nothing is lost by accident."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pexpect
import pytest
from support.broker import SCRIPTS, Broker
from support.commands import rows, take
from support.queues import QueueFactory
from support.spool import JANE, JOHN, command, files, forked, ids, label, line, lines, open_spool, waiting

from diracmq_cli.core.envelope import decode
from diracmq_cli.core.spool import Owner


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A spool with two lines of Jane's and one of John's."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    for owner, messages in (
        (JANE, [line("a", timestamp=1_700_000_000), line("b", timestamp=1_700_000_001, size=99)]),
        (JOHN, [line("c", timestamp=1_700_000_002, owner=JOHN)]),
    ):
        keeper = spool.keeper(label(owner))
        keeper.append(messages)
        keeper.close()
    return path


def test_ls_has_a_row_for_each_entry(devbroker: Broker, path: Path) -> None:
    """Off a terminal the columns are TAB-separated under a heading; the totals are on stderr."""
    done = command(devbroker, path, "ls")
    assert done.status == 0
    assert [row.split("\t") for row in done.stdout.splitlines()] == [
        ["ID", "TIME", "SIZE", "DESTINATION", "OWNER", "PROBLEM"],
        ["a", "2023-11-14T22:13:20Z", "1", "dev::Queues::demo.jobs", JANE.login, "-"],
        ["b", "2023-11-14T22:13:21Z", "100", "dev::Queues::demo.jobs", JANE.login, "-"],
        ["c", "2023-11-14T22:13:22Z", "1", "dev::Queues::demo.jobs", JOHN.login, "-"],
    ]
    assert f"3 entries, 102 octets in {path}" in done.stderr


def test_ls_as_json(devbroker: Broker, path: Path) -> None:
    """The same as objects, gaps and damage included."""
    (first, second) = files(path)
    octets = first.read_bytes()
    first.write_bytes(octets[:-3] + b"!" + octets[-2:])
    done = command(devbroker, path, "ls", "-j")
    assert done.status == 0
    a, flaw, c = rows(done)
    assert (a["message_id"], a["size"], a["owner"], a["service"], a["problem"]) == ("a", 1, JANE.login, "dev", None)
    assert flaw["message_id"] is None
    assert "torn or damaged" in flaw["problem"]
    assert (c["message_id"], c["entries"], c["file"]) == ("c", 1, second.name)


def test_a_gap_is_shown(devbroker: Broker, tmp_path: Path) -> None:
    """A gap is a row of ls and a warning of cat, whose stdout stays what send --from-json reads."""
    spool = open_spool(tmp_path / "spool", limit=20_000)
    keeper = spool.keeper(label())
    for number in range(20):
        keeper.append(lines(number * 10, number * 10 + 10))
    keeper.close()
    dropped = 200 - len(waiting(spool))
    gap = next(row for row in rows(command(devbroker, tmp_path / "spool", "ls", "-j")) if row["problem"])
    assert (gap["entries"], gap["owner"]) == (dropped, JANE.login)
    assert gap["problem"] == f"the spool was full: {dropped} entries dropped"
    done = command(devbroker, tmp_path / "spool", "cat")
    assert done.status == 0
    assert f"warning: the spool was full: {dropped} entries dropped" in done.stderr
    assert all(row["v"] == 1 for row in rows(done))


def test_cat_writes_envelopes(devbroker: Broker, path: Path) -> None:
    """Each entry is an envelope that says where it was going and what it claims; reading it gives the message back."""
    done = command(devbroker, path, "cat")
    assert (done.status, done.stderr) == (0, "")
    envelopes = rows(done)
    assert envelopes[0] == {
        "v": 1,
        "service": "dev",
        "queue": "demo.jobs",
        "exchange": "demo.jobs.x",
        "routing_key": "",
        "redelivered": False,
        "delivery_count": 0,
        "properties": {
            "message_id": "a",
            "timestamp": "2023-11-14T22:13:20Z",
            "content_type": "text/plain",
            "delivery_mode": 2,
            "user_id": JANE.login,
            "app_id": "dirac-mq/test",
        },
        "headers": {"dirac-dn": JANE.login, "dirac-host": "wn17.example.org", "dirac-ip": "192.0.2.7"},
        "origin": {"level": "claimed", "dn": JANE.login},
        "spooled": True,
        "body": "a",
    }
    assert [decode(json.dumps(envelope)).body for envelope in envelopes] == [b"a", b"b" + b"." * 99, b"c"]


def test_what_cat_wrote_is_sent_with_its_stamp(devbroker: Broker, make_queue: QueueFactory, tmp_path: Path) -> None:
    """By its own sender with the stamp that it has; anybody else's is stamped anew, and that is said."""
    name, cfg = make_queue()
    jane, john = devbroker.dn("user"), JOHN.login
    spool = open_spool(tmp_path / "spool")
    for number, owner in enumerate((Owner(jane, "dev"), JOHN)):
        keeper = spool.keeper(label(owner))
        keeper.append([line(owner.login, timestamp=1_700_000_000 + number, owner=owner)])
        keeper.close()
    envelopes = command(devbroker, tmp_path / "spool", "cat").raw
    done = devbroker.command(["dirac-mq-send", name, "--cfg", str(cfg), "--from-json", "-q"], input=envelopes)
    assert (done.status, done.stdout) == (0, "")
    assert done.stderr.endswith(f" dirac-mq-send: warning: what {john} spooled is stamped anew, as {jane} sends it\n")
    mine, others = (properties for _, properties, _ in take(devbroker, name))
    assert (mine.message_id, mine.timestamp, mine.app_id, mine.user_id) == (jane, 1_700_000_000, "dirac-mq/test", jane)
    assert mine.headers == {"dirac-dn": jane, "dirac-host": "wn17.example.org", "dirac-ip": "192.0.2.7"}
    assert (others.message_id, others.user_id, others.headers["dirac-dn"]) == (john, jane, jane)
    assert others.timestamp > 1_700_000_001
    assert others.headers["dirac-host"] != "wn17.example.org"


@pytest.mark.parametrize("verb", ["ls", "cat", "flush"])
def test_no_spool_is_an_empty_spool(devbroker: Broker, tmp_path: Path, verb: str) -> None:
    """Where nothing was ever kept there is nothing to show or to send, and nothing is made."""
    done = command(devbroker, tmp_path / "none", verb)
    assert (done.status, done.stdout) == (0, "")
    assert "nothing is spooled" in done.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("verb", [["ls"], ["cat"], ["flush"], ["rm", "--all", "--yes"]])
def test_an_open_directory_is_refused(devbroker: Broker, path: Path, verb: list[str]) -> None:
    """No command trusts a directory that others may write."""
    path.chmod(0o777)
    done = command(devbroker, path, *verb)
    assert (done.status, done.stdout) == (74, "")
    assert "mode 0777" in done.stderr
    path.chmod(0o700)
    assert len(waiting(open_spool(path))) == 3


@pytest.mark.parametrize("arguments", [[], ["--yes"], ["a", "--all", "--yes"], ["--all", "--owner", "/CN=x", "--yes"]])
def test_rm_does_not_guess(devbroker: Broker, path: Path, arguments: list[str]) -> None:
    """Without exactly one way to say which, nothing is removed."""
    done = command(devbroker, path, "rm", *arguments)
    assert (done.status, done.stdout) == (2, "")
    assert len(waiting(open_spool(path))) == 3


def test_rm_asks_and_off_a_terminal_refuses(devbroker: Broker, path: Path) -> None:
    """Off a terminal there is nobody to ask, so it takes --yes; on one, anything but yes keeps everything."""
    done = command(devbroker, path, "rm", "--all")
    assert (done.status, done.stdout) == (2, "")
    assert "say --yes" in done.stderr
    for answer, left in (("n", 3), ("y", 0)):
        environment = devbroker.env(DIRAC_MQ_SPOOL=str(path))
        child = pexpect.spawn(str(SCRIPTS / "dirac-mq"), ["spool", "rm", "--all"], env=environment, timeout=20)
        child.expect("give up 3 entries")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert len(waiting(open_spool(path))) == left


@pytest.mark.parametrize(
    ("arguments", "left"), [(["b"], ["a", "c"]), (["c", "a"], ["b"]), (["--owner", JOHN.login], ["a", "b"])]
)
def test_rm_removes_what_is_named(devbroker: Broker, path: Path, arguments: list[str], left: list[str]) -> None:
    """Ids or an owner: those entries go, the others stay in their order."""
    done = command(devbroker, path, "rm", "--yes", *arguments)
    assert (done.status, done.stdout) == (0, "")
    assert f"{3 - len(left)} entr" in done.stderr
    assert ids(waiting(open_spool(path))) == left


def test_rm_of_what_is_not_there(devbroker: Broker, path: Path) -> None:
    """An unknown id is said to be one."""
    done = command(devbroker, path, "rm", "--yes", "nobody")
    assert (done.status, done.stdout) == (3, "")
    assert len(waiting(open_spool(path))) == 3


def test_rm_all_leaves_nothing(devbroker: Broker, path: Path) -> None:
    """Everything includes files that nobody can read."""
    first = files(path)[0]
    first.write_bytes(first.read_bytes().replace(b"login", b"lojin"))
    done = command(devbroker, path, "rm", "--all", "--yes")
    assert (done.status, done.stdout) == (0, "")
    assert list(path.iterdir()) == []


def test_rm_leaves_what_a_running_sender_holds(devbroker: Broker, path: Path) -> None:
    """Entries of a sender that is still at it stay, and that is said."""

    def keep(reports: int) -> None:
        keeper = open_spool(path).keeper(label())
        keeper.append([line("mine")])
        os.write(reports, b"1\n")
        os.read(release, 1)

    release, releasing = os.pipe()
    pid, reports = forked(keep)
    assert os.read(reports, 2) == b"1\n"
    try:
        done = command(devbroker, path, "rm", "--all", "--yes")
        assert (done.status, done.stdout) == (4, "")
        assert "1 entry not removed" in done.stderr
        assert ids(waiting(open_spool(path))) == ["mine"]
    finally:
        os.write(releasing, b"x")
        os.waitpid(pid, 0)
