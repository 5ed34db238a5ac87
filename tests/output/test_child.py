import errno
import os
import resource
import select
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from support.deliveries import BROKER, CLAIMED, SERVER, SIGNED, WRONG, a_delivery

from diracmq_cli.core.envelope import encode
from diracmq_cli.core.message import Handled, Settlement
from diracmq_cli.output.child import Launcher

TESTS = Path(__file__).parents[1]


def run(command, delivery=None, verdict=BROKER):
    return Launcher(command).start(delivery or a_delivery(), verdict).result()


def test_body_and_envelope(tmp_path):
    """A shell finds the body on standard input and the envelope, as one line, on descriptor 3."""
    delivery = a_delivery(bytes(range(256)))
    assert run(f"cat >{tmp_path}/body; cat <&3 >{tmp_path}/envelope", delivery).settlement is Settlement.ACK
    assert (tmp_path / "body").read_bytes() == bytes(range(256))
    assert (tmp_path / "envelope").read_text() == encode(delivery, BROKER) + "\n"


def test_an_argument_vector_goes_through_no_shell(tmp_path):
    """``-- CMD ARGS``: arguments stay as they are."""
    run(["/usr/bin/touch", f"{tmp_path}/$HOME; x"])
    assert [path.name for path in tmp_path.iterdir()] == ["$HOME; x"]


def test_the_program_is_looked_up_in_path():
    """As a shell would."""
    assert run(["true"]) == Handled(settlement=Settlement.ACK, detail="exit 0")


@pytest.mark.parametrize("command", ["exit 0", "cat <&3 >/dev/null", "exec 0<&- 3<&-"])
def test_a_command_that_never_reads_blocks_nobody(command):
    """A body of 1 MB that the command does not read, or reads after the envelope, is no deadlock."""
    started = time.monotonic()
    assert run(command, a_delivery(os.urandom(1 << 20))).settlement is Settlement.ACK
    assert time.monotonic() - started < 5


def test_standard_input_can_be_read_twice():
    """It is a file: a command may seek in it, or open it again."""
    assert (
        run("test \"$(cat)\" = 'payload started' && test \"$(cat /dev/stdin)\" = 'payload started'").detail == "exit 0"
    )


@pytest.mark.parametrize(
    ("command", "settlement", "detail", "stop"),
    [
        ("exit 0", Settlement.ACK, "exit 0", False),
        ("exit 75", Settlement.REQUEUE, "exit 75", False),
        ("exit 65", Settlement.REJECT, "exit 65", False),
        ("exit 126", Settlement.REQUEUE, "exit 126", True),
        ("no-such-command 2>/dev/null", Settlement.REQUEUE, "exit 127", True),
        ("exit 1", None, "exit 1", False),
        ("exit 255", None, "exit 255", False),
        ("kill -KILL $$", Settlement.REQUEUE, "killed by SIGKILL", False),
        ("kill -SEGV $$", Settlement.REQUEUE, "killed by SIGSEGV", False),
        ("kill -40 $$", Settlement.REQUEUE, "killed by signal 40", False),
    ],
)
def test_what_the_end_says(command, settlement, detail, stop):
    """0 acknowledges, 75 requeues, 65 dead-letters, 126 and 127 also stop, a signal requeues, the rest is a failure."""
    assert run(command) == Handled(settlement=settlement, detail=detail, stop=stop)


@pytest.mark.parametrize(
    ("command", "detail"),
    [
        (["/no/such/program"], "cannot run /no/such/program: no such file or directory"),
        (["no-such-program"], "cannot run no-such-program: no such file or directory"),
        (["/etc/passwd"], "cannot run /etc/passwd: permission denied"),
        (["/etc"], "cannot run /etc: permission denied"),
    ],
)
def test_a_command_that_cannot_be_run(command, detail):
    """It is a child that has already ended: requeue and stop, with the reason; its descriptor is readable."""
    child = Launcher(command).start(a_delivery(), BROKER)
    assert select.select([child.fileno()], [], [], 0)[0]
    child.terminate()
    assert child.result() == Handled(settlement=Settlement.REQUEUE, detail=detail, stop=True)
    assert child.result().stop


def test_a_script_without_interpreter(tmp_path):
    """A file that the kernel cannot execute is the command's fault, not the message's."""
    script = tmp_path / "script"
    script.write_text("exit 0\n")
    script.chmod(0o755)
    assert run([str(script)]).detail.endswith("exec format error")
    script.write_text("#!/no/such/interpreter\n")
    assert run([str(script)]).stop


def test_its_end_can_be_waited_for_beside_other_things():
    """``fileno`` is readable from the end of the command on, not before."""
    child = Launcher("sleep 0.3; exit 75").start(a_delivery(), BROKER)
    assert not select.select([child.fileno()], [], [], 0.05)[0]
    assert select.select([child.fileno()], [], [], 5)[0]
    assert child.result().detail == "exit 75"


def test_where_the_kernel_cannot_tell(monkeypatch):
    """Without pidfd_open(2) a thread watches instead, with the same effect."""

    def missing(pid):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", missing)
    child = Launcher("sleep 0.3; exit 75").start(a_delivery(), BROKER)
    assert not select.select([child.fileno()], [], [], 0.05)[0]
    assert select.select([child.fileno()], [], [], 5)[0]
    assert child.result().detail == "exit 75"


def assert_nobody_left(group):
    """No living process of the group is left, once the kernel has had a moment to end them."""
    deadline = time.monotonic() + 5
    while (found := living(group)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not found


def living(group):
    stats = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True, check=True).stdout
    return [line for line in stats.splitlines() if line.split()[0] == str(group) and "Z" not in line.split()[1]]


def test_told_to_end():
    """SIGTERM reaches everything the command started; its failure then says nothing of the message."""
    child = Launcher("sleep 100 & sleep 100; exit 1").start(a_delivery(), BROKER)
    time.sleep(0.1)
    child.terminate()
    assert child.result() == Handled(settlement=Settlement.REQUEUE, detail="killed by SIGTERM after it was told to end")
    assert_nobody_left(child.pid)
    child.terminate()  # too late to matter


def test_told_to_end_twice():
    """What ignores SIGTERM is killed by the second call, and so is what it leaves behind."""
    child = Launcher("trap '' TERM; sleep 100 & while :; do sleep 1; done").start(a_delivery(), BROKER)
    time.sleep(0.2)
    child.terminate()
    assert not select.select([child.fileno()], [], [], 0.3)[0]
    child.terminate()
    assert child.result().detail == "killed by SIGKILL after it was told to end"
    assert_nobody_left(child.pid)


@pytest.mark.parametrize(
    ("at_the_end", "settlement"),
    [("exit 0", Settlement.ACK), ("exit 65", Settlement.REJECT), ("exit 1", Settlement.REQUEUE)],
)
def test_told_to_end_and_finishing(tmp_path, at_the_end, settlement):
    """A command that finishes its work on SIGTERM is believed; one that fails then gets its message again."""
    ready = tmp_path / "ready"
    child = Launcher(f"trap '{at_the_end}' TERM; touch {ready}; while :; do sleep 0.05; done").start(
        a_delivery(), BROKER
    )
    while not ready.exists():
        time.sleep(0.01)
    child.terminate()
    assert child.result().settlement is settlement


def test_a_stopped_command_is_ended_too():
    """One that hangs in SIGSTOP is continued so that it can end."""
    child = Launcher("kill -STOP $$; sleep 100").start(a_delivery(), BROKER)
    time.sleep(0.2)
    child.terminate()
    assert select.select([child.fileno()], [], [], 5)[0]
    assert child.result().settlement is Settlement.REQUEUE


def test_the_commands_world(tmp_path):
    """A session of its own without a terminal, no signal ignored or blocked, no descriptor of ours but 0 and 3."""
    with (tmp_path / "ours").open("w"):
        run(
            f"cd {tmp_path}; ls -l /proc/$$/fd >fds; grep ^Sig /proc/self/status >signals; "
            "ps -o sid= -o tty= -p $$ >session; echo $$ >pid"
        )
    links = (tmp_path / "fds").read_text()
    assert links.count("memfd") == 2
    assert f"{tmp_path}/ours" not in links
    masks = dict(line.split(":\t") for line in (tmp_path / "signals").read_text().splitlines() if "SigQ" not in line)
    assert int(masks["SigBlk"], 16) == 0
    assert int(masks["SigIgn"], 16) & (1 << (signal.SIGPIPE - 1)) == 0
    assert (tmp_path / "session").read_text().split() == [(tmp_path / "pid").read_text().strip(), "?"]


def test_nothing_is_left_open():
    """Five hundred commands, started or not, cost no descriptor and leave no zombie."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    children = our_children()
    for _ in range(250):
        run(["true"])
        run(["/no/such/program"])
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert our_children() <= children, "other tests' processes may be there, ours may not"


def our_children() -> set[str]:
    """The processes that this one has started and not reaped."""
    tasks = Path("/proc/self/task").iterdir()
    return {pid for task in tasks for pid in (task / "children").read_text().split()}


def in_a_small_world(base: int, headers: int) -> str:
    """How a message with ``headers`` octets of headers ends where the limit is 128 KiB and we use ``base`` of it."""
    program = textwrap.dedent(
        f"""
        import os, resource, sys
        sys.path.insert(0, {str(TESTS)!r})
        from support.deliveries import BROKER, a_delivery
        from diracmq_cli.output.child import Launcher
        for number in range({base} // 1024):
            os.environ[f"FILLER{{number:03}}"] = "x" * (1024 - 11)
        resource.setrlimit(resource.RLIMIT_STACK, (512 * 1024, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        message = a_delivery(headers={{f"h{{n}}": "x" * 8000 for n in range({headers} // 8000)}})
        handled = Launcher(["true"]).start(message, BROKER).result()
        print(handled.settlement, handled.stop, handled.detail)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_an_environment_that_does_not_fit():
    """Where the message's headers are what is too much, it is dead-lettered; where we are, we stop.

    A consumer started in a large environment must not dead-letter its whole queue for it.
    """
    assert in_a_small_world(90_000, 8_000) == "ack False exit 0"
    assert in_a_small_world(90_000, 56_000) == "reject False cannot run true: argument list too long"
    assert in_a_small_world(140_000, 8_000) == "requeue True cannot run true: argument list too long"


@pytest.mark.parametrize("verdict", [BROKER, SIGNED, CLAIMED, SERVER, WRONG])
def test_every_verdict_starts(verdict):
    """No verdict keeps a command from running; which may run is decided elsewhere."""
    assert run(["true"], verdict=verdict).settlement is Settlement.ACK


def test_the_limit_of_descriptors():
    """Without a descriptor to hand the message over there is no child, and an error that says so."""
    from diracmq_cli.errors import OutputError

    launcher = Launcher(["true"])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(used, 10), hard))
    try:
        with pytest.raises(OutputError, match=r"^cannot hand the message over: "):
            launcher.start(a_delivery(), BROKER)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_which_have_ended():
    """Of several commands, those that have ended are named once each; one that cannot be started has ended."""
    launcher = Launcher('test "$DIRAC_MQ_ID" = slow && sleep 100')
    slow, quick = (launcher.start(a_delivery(message_id=name), BROKER) for name in ("slow", "quick"))
    assert select.select([launcher.fileno()], [], [], 20)[0]
    assert launcher.ended() == [quick]
    assert launcher.ended() == []
    assert not select.select([launcher.fileno()], [], [], 0)[0]
    slow.terminate()
    assert select.select([launcher.fileno()], [], [], 20)[0]
    assert launcher.ended() == [slow]
    assert [quick.result().detail, slow.result().detail] == ["exit 1", "killed by SIGTERM after it was told to end"]
    missing = Launcher(["/no/such/program"])
    assert missing.ended() == []
    child = missing.start(a_delivery(), BROKER)
    assert missing.ended() == [child]


def test_files_are_private():
    """Nobody else can open the body by the command's /proc: it has no name, and belongs to us."""
    child = Launcher("sleep 100").start(a_delivery(), BROKER)
    try:
        info = Path(f"/proc/{child.pid}/fd/0").stat()
        assert (info.st_uid, stat.S_IMODE(info.st_mode) & 0o077, info.st_nlink) == (os.geteuid(), 0o077, 0)
    finally:
        child.terminate()
        child.result()
