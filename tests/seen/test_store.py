"""What was taken is remembered: across processes and kills, as long as it must be, and nobody else can change it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from diracmq_cli.errors import OutputError, UsageError
from diracmq_cli.seen import SeenStore, locate

JANE, JOHN = "/DC=org/CN=Jane Doe", "/DC=org/CN=John Roe"


def store(path: Path, *, keep: float = 3600, now: float = 1000.0, most: int = 1000) -> SeenStore:
    return SeenStore(path, keep=keep, clock=lambda: now, most=most)


def test_it_is_signer_and_id_together(tmp_path: Path) -> None:
    """The same id of another signer is another message."""
    seen = store(tmp_path / "d" / "q")
    seen.add([(JANE, "1"), (JANE, "2")])
    assert [seen.knows(*key) for key in ((JANE, "1"), (JANE, "2"), (JOHN, "1"), (JANE, "3"))] == [
        True,
        True,
        False,
        False,
    ]
    seen.add([(JANE, "1")])
    assert seen.knows(JANE, "1")


def test_it_stays(tmp_path: Path) -> None:
    """Another run, and one that has it open at the same time, know it as soon as it was added."""
    first, second = store(tmp_path / "d" / "q"), store(tmp_path / "d" / "q")
    first.add([(JANE, "1")])
    assert second.knows(JANE, "1")
    second.add([(JANE, "2")])
    assert first.knows(JANE, "2")
    first.close()
    second.close()
    assert store(tmp_path / "d" / "q").knows(JANE, "2")


def test_it_is_forgotten_when_its_signature_is_too_old(tmp_path: Path) -> None:
    """After ``keep`` seconds, not before; what others still need is not touched."""
    path = tmp_path / "d" / "q"
    store(path, keep=100, now=1000).add([(JANE, "old")])
    store(path, keep=100, now=1090).add([(JANE, "new")])
    assert store(path, now=1100).knows(JANE, "old")
    store(path, keep=100, now=1102).add([(JANE, "newest")])
    later = store(path, now=1102)
    assert [later.knows(JANE, name) for name in ("old", "new", "newest")] == [False, True, True]


def test_a_message_taken_again_is_remembered_for_longer(tmp_path: Path) -> None:
    """What is added a second time is kept as if it were new."""
    path = tmp_path / "d" / "q"
    store(path, keep=100, now=1000).add([(JANE, "1")])
    store(path, keep=100, now=1090).add([(JANE, "1")])
    store(path, keep=100, now=1150).add([(JANE, "2")])
    assert store(path).knows(JANE, "1")


def test_it_does_not_grow_for_ever(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Beyond the bound, those make room that could be forgotten first, and that is logged."""
    path = tmp_path / "d" / "q"
    store(path, now=1000, most=3).add([(JANE, "1"), (JANE, "2")])
    seen = store(path, now=2000, most=3)
    seen.add([(JANE, "3"), (JANE, "4"), (JANE, "5")])
    assert [seen.knows(JANE, name) for name in "12345"] == [False, False, True, True, True]
    assert "2 are forgotten before their time" in caplog.text


def test_only_its_owner_can_touch_it(tmp_path: Path) -> None:
    """The file is 0600 in a directory 0700, whatever the umask; what others could write is refused."""
    before = os.umask(0)
    try:
        store(tmp_path / "d" / "q").add([(JANE, "1")])
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "d").iterdir()} == {0o600}
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    (tmp_path / "d").chmod(0o770)
    with pytest.raises(OutputError, match="d is not ours alone"):
        store(tmp_path / "d" / "q")
    (tmp_path / "d").chmod(0o700)
    (tmp_path / "d" / "q").chmod(0o644)
    with pytest.raises(OutputError, match="q is not ours alone"):
        store(tmp_path / "d" / "q")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """Neither a linked directory nor a linked file is used, and what a link points to is not made."""
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OutputError):
        store(tmp_path / "link" / "q")
    (tmp_path / "real" / "q").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError):
        store(tmp_path / "real" / "q")
    assert not (tmp_path / "elsewhere").exists()


def test_what_is_damaged_is_said(tmp_path: Path) -> None:
    """A file that is no set of ours is an error with its name, not an empty set."""
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "d" / "q").write_bytes(b"not a database at all" * 100)
    (tmp_path / "d" / "q").chmod(0o600)
    with pytest.raises(OutputError, match=r"cannot remember in .*/d/q .*not a database"):
        store(tmp_path / "d" / "q")


def test_many_at_once(tmp_path: Path) -> None:
    """Several writers at the same time wait for each other and lose nothing."""
    path = tmp_path / "d" / "q"

    def work(number: int) -> None:
        seen = SeenStore(path, keep=3600)
        for index in range(20):
            seen.add([(JANE, f"{number}-{index}")])
        seen.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = store(path)
    assert all(seen.knows(JANE, f"{number}-{index}") for number in range(4) for index in range(20))


def test_killed_in_the_middle(tmp_path: Path) -> None:
    """SIGKILL at any moment: whatever add had returned for is there, and the file can be used."""
    path = tmp_path / "d" / "q"
    script = f"""
        from pathlib import Path
        from diracmq_cli.seen import SeenStore
        seen = SeenStore(Path({str(path)!r}), keep=3600)
        for number in range(10**6):
            seen.add([("/CN=x", f"{{number}}-{{each}}") for each in range(50)])
            print(number, flush=True)
    """
    for round_ in range(3):
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            last = [process.stdout.readline() for _ in range(5 + 7 * round_)][-1]
            process.send_signal(signal.SIGKILL)
            last = (process.stdout.read().splitlines() or [last])[-1]
        seen = SeenStore(path, keep=3600)
        assert all(seen.knows("/CN=x", f"{number}-{each}") for number in range(int(last) + 1) for each in (0, 49))
        seen.close()


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"HOME": "/home/jane"}, "/home/jane/.local/state/dirac-mq/seen"),
        ({"HOME": "/home/jane", "XDG_STATE_HOME": "/state"}, "/state/dirac-mq/seen"),
        ({"HOME": "/home/jane", "XDG_STATE_HOME": "state"}, "/home/jane/.local/state/dirac-mq/seen"),
        ({"HOME": "/home/jane", "DIRAC_PILOT_STAMP": "x"}, "/scratch/.dirac-mq-seen"),
    ],
)
def test_its_place(environment: dict[str, str], place: str) -> None:
    """The state directory, or a pilot's working directory; one file for each queue, named after it."""
    jobs = locate("dev::Queues::demo.jobs", environment, Path("/scratch"))
    assert str(jobs.parent) == place
    assert jobs.name.startswith("dev__Queues__demo.jobs-")
    assert jobs != locate("dev::Queues::demo/jobs", environment, Path("/scratch"))
    assert locate("../../x", environment, Path("/scratch")).parent == jobs.parent


def test_no_place() -> None:
    """Without a home it is refused, and the way out is named."""
    with pytest.raises(UsageError, match="no home directory") as refused:
        locate("q", {}, Path("/scratch"))
    assert "XDG_STATE_HOME" in str(refused.value.hint)
