import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from support.deliveries import BROKER, WRONG, a_delivery

from diracmq_cli.core.envelope import decode, encode
from diracmq_cli.core.policy import Refused
from diracmq_cli.core.values import OpaqueString
from diracmq_cli.errors import OutputError
from diracmq_cli.output.save import SaveSink

TESTS = Path(__file__).parents[1]


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def test_two_files_a_message(tmp_path):
    """The body's octets, and the envelope, which can be sent again; both readable by their owner only."""
    directory = tmp_path / "inbox"
    sink = SaveSink(directory)
    body = bytes(range(256))
    first, second = a_delivery(body, message_id="one"), a_delivery(b"", message_id="two")
    sink.write(first, BROKER)
    sink.write(second, WRONG)
    sink.flush()
    assert names(directory) == ["000001-one.body", "000001-one.json", "000002-two.body", "000002-two.json"]
    assert (directory / "000001-one.body").read_bytes() == body
    assert (directory / "000001-one.json").read_text() == encode(first, BROKER) + "\n"
    assert decode((directory / "000001-one.json").read_bytes()).body == body
    assert json.loads((directory / "000002-two.json").read_bytes())["origin"]["reason"] == WRONG.reason
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
    assert {path.stat().st_nlink for path in directory.iterdir()} == {1}
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_why_it_was_refused_stands_beside_it(tmp_path):
    """A third file says the code and the reason, one a line, whatever the reason holds; others get none."""
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id="bad"), WRONG, Refused("claims-another", "claims /CN=a\nb\x1b[2J"))
    sink.write(a_delivery(message_id="good"), BROKER)
    sink.flush()
    assert names(tmp_path) == [
        *(f"000001-bad.{end}" for end in ("body", "json", "reason")),
        *(f"000002-good.{end}" for end in ("body", "json")),
    ]
    assert (tmp_path / "000001-bad.reason").read_text() == "claims-another\nclaims /CN=a\\nb\\x1b[2J\n"


def test_a_name_that_is_taken_leaves_no_part_behind(tmp_path):
    """Another process's reason file of that number makes us take the next for all three."""
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id="x"), WRONG, Refused("rerouted", "r"))
    (tmp_path / "000001-x.reason").write_text("theirs")
    sink.flush()
    assert names(tmp_path) == ["000001-x.reason", *(f"000002-x.{end}" for end in ("body", "json", "reason"))]
    assert (tmp_path / "000001-x.reason").read_text() == "theirs"


def test_files_appear_at_the_flush(tmp_path):
    """Whoever watches the directory never sees half a message."""
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id="one"), BROKER)
    assert all(name.startswith(".") and name.endswith(".part") for name in names(tmp_path))
    sink.flush()
    assert names(tmp_path) == ["000001-one.body", "000001-one.json"]
    sink.flush()
    assert len(names(tmp_path)) == 2


@pytest.mark.parametrize(
    ("message_id", "part"),
    [
        ("../../etc/passwd", ".._.._etc_passwd"),
        ("a b\n\x00\x1bü", "a_b____"),
        ("x" * 255, "x" * 64),
        (OpaqueString(b"\xff/"), "_xff_"),
        (None, "no-id"),
        ("", "no-id"),
        (".", "."),
        ("-rf", "-rf"),
    ],
)
def test_names_from_hostile_ids(tmp_path, message_id, part):
    """An id can choose neither directory nor length nor an option of a later command."""
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id=message_id), BROKER)
    sink.flush()
    assert names(tmp_path) == [f"000001-{part}.body", f"000001-{part}.json"]


def test_the_counter_goes_on(tmp_path):
    """A second run continues after the highest number there is; other files are left alone."""
    (tmp_path / "000041-x.json").touch()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "1234567-y.body").touch()
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id="z"), BROKER)
    sink.flush()
    assert "1234568-z.body" in names(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_two_sinks_share_a_directory(tmp_path):
    """Even the same message saved twice replaces nothing."""
    sinks = [SaveSink(tmp_path), SaveSink(tmp_path)]
    for round_ in range(3):
        for number, sink in enumerate(sinks):
            sink.write(a_delivery(b"%d %d" % (round_, number), message_id="same"), BROKER)
            sink.flush()
    bodies = {path.read_bytes() for path in tmp_path.glob("*.body")}
    assert bodies == {b"%d %d" % (round_, number) for round_ in range(3) for number in range(2)}
    assert len(names(tmp_path)) == 12


def test_a_planted_link_is_not_followed(tmp_path):
    """A symbolic link where the next file would go is neither followed nor replaced."""
    sink = SaveSink(tmp_path)
    target = tmp_path / "target"
    (tmp_path / "000001-a.body").symlink_to(target)
    (tmp_path / "000002-a.json").symlink_to(target)
    sink.write(a_delivery(message_id="a"), BROKER)
    sink.flush()
    assert not target.exists()
    assert {"000003-a.body", "000003-a.json"} <= set(names(tmp_path))
    assert "000002-a.body" not in names(tmp_path)


@pytest.mark.parametrize("where", ["missing/inbox", "file", "file/inbox"])
def test_a_directory_that_cannot_be(tmp_path, where):
    """Known before anything is taken from the queue: exit status 74, naming the directory."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=str(tmp_path / where)) as caught:
        SaveSink(tmp_path / where)
    assert caught.value.exit_status == 74


def test_a_directory_that_cannot_be_written():
    """This too is known before anything is taken: nobody, not even root, can make a file in ``/proc/fs``."""
    with pytest.raises(OutputError, match=r"^cannot save into /proc/fs: "):
        SaveSink(Path("/proc/fs"))


def test_no_room_leaves_no_half_file(tmp_path):
    """When a file cannot be written whole, nothing of the batch is left and what was flushed before stays.

    The limit on the size of a file (RLIMIT_FSIZE) stands for the full disk: both end write(2) in an error.
    """
    sink = SaveSink(tmp_path)
    sink.write(a_delivery(message_id="kept"), BROKER)
    sink.flush()
    sink.write(a_delivery(message_id="pending"), BROKER)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=rf"^cannot save into {tmp_path}: file too large$"):
            sink.write(a_delivery(bytes(10_000), message_id="big"), BROKER)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["000001-kept.body", "000001-kept.json"]
    sink.write(a_delivery(message_id="next"), BROKER)
    sink.flush()
    assert names(tmp_path)[2:] == ["000002-next.body", "000002-next.json"]


def save_many(sink, count):
    for number in range(count):
        sink.write(a_delivery(bytes(5000), message_id=str(number)), BROKER)
        sink.flush()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount")
def test_a_full_disk(tmp_path):
    """On a real file system without room: exit status 74 and no half file."""
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True)
    if mount.returncode:
        pytest.skip(f"cannot mount: {mount.stderr.decode()}")
    try:
        sink = SaveSink(tmp_path)
        with pytest.raises(OutputError, match="no space left on device"):
            save_many(sink, 100)
        saved = names(tmp_path)
        assert saved
        assert len(saved) % 2 == 0
        assert {path.stat().st_size for path in tmp_path.glob("*.body")} == {5000}
        os.close(sink._fd)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_killed_in_the_middle(tmp_path):
    """After SIGKILL every visible message is whole, and the next run goes on beside what is left."""
    program = textwrap.dedent(
        f"""
        import itertools, sys
        sys.path.insert(0, {str(TESTS)!r})
        from pathlib import Path
        from support.deliveries import BROKER, a_delivery
        from diracmq_cli.output.save import SaveSink
        sink = SaveSink(Path({str(tmp_path)!r}))
        for number in itertools.count():
            sink.write(a_delivery(bytes(5000), message_id=str(number)), BROKER)
            if number % 7 == 6:
                sink.flush()
                print(number, flush=True)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        for _ in range(5):
            flushed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    saved = list(tmp_path.glob("*.json"))
    assert len(saved) >= flushed + 1
    for path in saved:
        assert decode(path.read_bytes()).body == bytes(5000)
        assert path.with_suffix(".body").read_bytes() == bytes(5000)
    again = SaveSink(tmp_path)
    again.write(a_delivery(message_id="again"), BROKER)
    again.flush()
    assert list(tmp_path.glob("*-again.json"))
