from __future__ import annotations

import fcntl
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from io import FileIO
from pathlib import Path

import pytest

from diracmq_cli.core.envelope import encode
from diracmq_cli.core.message import MAX_BODY, Delivery, Message, Properties
from diracmq_cli.core.ports import Source
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.errors import DataError, UsageError
from diracmq_cli.input import (
    Descriptor,
    EnvelopeSource,
    FilesSource,
    LineSource,
    TextSource,
    WholeSource,
    standard_input,
)

Framing = Callable[[Descriptor], Source]


class Pipe:
    """A pipe whose reading end is a source's input."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.input = Descriptor(FileIO(reading), "a pipe")

    def write(self, octets: bytes) -> None:
        assert os.write(self._writing, octets) == len(octets)

    def close(self) -> None:
        os.close(self._writing)
        self._writing = -1


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    if made._writing >= 0:
        made.close()


def drain(source: Source) -> list[Message]:
    """Read to the end, waiting as an operation would."""
    messages: list[Message] = []
    while (batch := source.read()) is not None:
        messages += batch
        fd = source.fileno()
        if not batch:
            assert fd is not None, "nothing here, and nothing to wait for"
            assert select.select([fd], [], [], 10)[0]
    assert source.read() is None
    return messages


def bodies(messages: Sequence[Message] | None) -> list[bytes]:
    assert messages is not None
    return [message.body for message in messages]


def from_file(tmp_path: Path, octets: bytes, framing: Framing) -> FilesSource:
    path = tmp_path / "input"
    path.write_bytes(octets)
    return FilesSource([str(path)], framing)


def line_of(message: Message) -> bytes:
    delivery = Delivery(message=message, service="s", queue="q", exchange="", delivery_tag=1)
    return encode(delivery, Verdict(level=None, reason="r")).encode() + b"\n"


@pytest.mark.parametrize(("text", "body"), [("", b""), ("é", "é".encode()), ("a\udcffb", b"a\xffb")])
def test_an_argument_is_one_message_of_its_octets(text: str, body: bytes) -> None:
    """-m TEXT gives the octets that were typed, also where they are not UTF-8, once."""
    source = TextSource(text)
    assert source.fileno() is None
    assert bodies(drain(source)) == [body]


@pytest.mark.parametrize("octets", [b"", b"one\ntwo\n", bytes(range(256)) * 4096])
def test_a_whole_file_or_pipe_is_one_message(tmp_path: Path, octets: bytes) -> None:
    """Every octet is kept; an empty input is an empty message."""
    assert bodies(drain(from_file(tmp_path, octets, WholeSource))) == [octets]
    with subprocess.Popen(["cat", str(tmp_path / "input")], stdout=subprocess.PIPE, bufsize=0) as cat:
        assert isinstance(cat.stdout, FileIO)
        assert bodies(drain(WholeSource(Descriptor(cat.stdout, "cat")))) == [octets]


LINES = [
    (b"", []),
    (b"a", [b"a"]),
    (b"a\n", [b"a"]),
    (b"a\nb", [b"a", b"b"]),
    (b"a\n\nb\n", [b"a", b"", b"b"]),
    (b"\n", [b""]),
    (b"\n\n", [b"", b""]),
    (b"a\r\n\0\xff\n", [b"a\r", b"\0\xff"]),
]


@pytest.mark.parametrize(("octets", "expected"), LINES)
def test_lines_are_cut_at_newlines_only(tmp_path: Path, octets: bytes, expected: list[bytes]) -> None:
    """The newline goes, everything else stays; a last line without one counts; an empty line is an empty message."""
    assert bodies(drain(from_file(tmp_path, octets, LineSource))) == expected


@pytest.mark.parametrize(("octets", "expected"), LINES)
def test_records_are_cut_at_nul_only(tmp_path: Path, octets: bytes, expected: list[bytes]) -> None:
    """With -0 the same holds for NUL, and newlines are data."""
    swap = bytes.maketrans(b"\0\n", b"\n\0")
    source = from_file(tmp_path, octets.translate(swap), lambda opened: LineSource(opened, null=True))
    assert bodies(drain(source)) == [body.translate(swap) for body in expected]


@pytest.mark.parametrize("size", [1, 7, 65536])
def test_lines_do_not_depend_on_how_they_arrive(pipe: Pipe, size: int) -> None:
    """Cut into writes of any size, the messages are the same."""
    octets = b"".join(b"%d " % number * (number % 50) + b"\n" for number in range(300))
    source = LineSource(pipe.input)
    found: list[bytes] = []
    for begin in range(0, len(octets), size):
        pipe.write(octets[begin : begin + size])
        found += bodies(source.read())
    pipe.close()
    found += bodies(drain(source))
    assert found == octets.splitlines()


def test_lines_longer_than_a_read_are_whole(tmp_path: Path) -> None:
    """A line of several reads, between short ones, is one message."""
    long = b"x" * 1_000_000
    assert bodies(drain(from_file(tmp_path, b"a\n" + long + b"\nb\n" + long, LineSource))) == [b"a", long, b"b", long]


@pytest.mark.parametrize("framing", [WholeSource, LineSource, EnvelopeSource])
def test_nothing_is_waited_for(pipe: Pipe, framing: Framing) -> None:
    """A read of an empty pipe, or of half a line, returns at once with nothing, and fileno says what to wait on."""
    source = framing(pipe.input)
    assert source.fileno() == pipe.input.fileno()
    assert select.select([source.fileno()], [], [], 0)[0] == []
    assert bodies(source.read()) == []
    pipe.write(b'{"v":1,')
    assert bodies(source.read()) == []
    assert bodies(source.read()) == []
    pipe.write(b'"body":"x"}\n')
    pipe.close()
    assert len(drain(source)) == 1


def test_all_complete_lines_come_at_once(pipe: Pipe) -> None:
    """What is in the pipe is one batch; the line that is not complete waits."""
    source = LineSource(pipe.input)
    pipe.write(b"a\nb\nc")
    assert bodies(source.read()) == [b"a", b"b"]
    assert bodies(source.read()) == []
    pipe.write(b"d\n")
    assert bodies(source.read()) == [b"cd"]


def test_a_shared_pipe_is_left_blocking(pipe: Pipe) -> None:
    """O_NONBLOCK would be O_NONBLOCK for the shell that shares the pipe with us."""
    fd = pipe.input.fileno()
    assert fd is not None
    LineSource(pipe.input).read()
    assert not fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_NONBLOCK


def test_a_pipe_that_is_nonblocking_already_is_read() -> None:
    """Whoever shares our input may have set O_NONBLOCK; that is no error."""
    reading, writing = socket.socketpair()
    with reading, writing:
        reading.setblocking(False)
        source = LineSource(Descriptor(FileIO(reading.fileno(), closefd=False), "a socket"))
        assert source.fileno() == reading.fileno()
        assert bodies(source.read()) == []
        writing.sendall(b"a\n")
        assert bodies(source.read()) == [b"a"]


@pytest.mark.parametrize("path", ["/dev/null", "regular"])
def test_what_epoll_refuses_is_not_offered_for_waiting(tmp_path: Path, path: str) -> None:
    """Regular files and /dev/null are always readable, and epoll_ctl refuses them: fileno is None."""
    (tmp_path / "regular").write_bytes(b"")
    with FileIO(tmp_path / path) as file, select.epoll() as epoll:
        assert Descriptor(file, path).fileno() is None
        with pytest.raises(PermissionError):
            epoll.register(file)


def test_a_terminal_can_be_waited_for() -> None:
    """A line typed at a terminal is a message, and its end of file is the end."""
    master, slave = os.openpty()
    source = LineSource(Descriptor(FileIO(slave), "a terminal"))
    try:
        assert source.fileno() == slave
        assert bodies(source.read()) == []
        os.write(master, b"typed\n\x04")
        assert bodies(drain(source)) == [b"typed"]
    finally:
        os.close(master)


def test_a_line_over_the_limit_is_refused_by_number(tmp_path: Path) -> None:
    """The lines before it come first; then the error names input and line, with no need to read the rest."""
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.write(b"a\n" + b"x" * MAX_BODY + b"\n")
        file.truncate(2 * MAX_BODY)
    source = FilesSource([str(path)], LineSource)
    assert bodies(source.read()) == [b"a"]
    assert len(bodies(source.read())[0]) == MAX_BODY
    with path.open("wb") as file:
        file.write(b"a\nb\n")
        file.truncate(4 + MAX_BODY + 1)
    source = FilesSource([str(path)], LineSource)
    assert bodies(source.read()) == [b"a", b"b"]
    with pytest.raises(DataError, match=f"{path}, line 3 has more than {MAX_BODY} octets"):
        source.read()


def test_a_file_over_the_limit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    """Its size is known without reading, so the messages before it are not sent either."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    large.touch()
    os.truncate(large, MAX_BODY + 1)
    with pytest.raises(DataError, match=f"{large} has more than {MAX_BODY} octets"):
        FilesSource([str(small), str(large)])
    os.truncate(large, MAX_BODY)
    assert [len(body) for body in bodies(drain(FilesSource([str(small), str(large)])))] == [1, MAX_BODY]


def test_an_endless_input_is_refused_at_the_limit() -> None:
    """Of an input whose size nobody knows, no more is read than a message may have."""
    source = WholeSource(Descriptor(FileIO("/dev/zero"), "/dev/zero"))
    with pytest.raises(DataError, match="/dev/zero has more than"):
        source.read()


def test_files_are_messages_in_order(tmp_path: Path) -> None:
    """Each file is one message, in the order given, also when it is given twice."""
    paths = []
    for name, octets in [("b", b"1"), ("a", b""), ("c d", b"\xff\n")]:
        (tmp_path / name).write_bytes(octets)
        paths.append(str(tmp_path / name))
    assert bodies(drain(FilesSource([*paths, paths[0]]))) == [b"1", b"", b"\xff\n", b"1"]


def test_files_are_opened_one_at_a_time(tmp_path: Path) -> None:
    """Many files need one descriptor, not one each."""
    paths = [str(tmp_path / str(number)) for number in range(50)]
    for path in paths:
        Path(path).write_bytes(b"x")
    source = FilesSource(paths)
    before = len(list(Path("/proc/self/fd").iterdir()))
    while source.read() is not None:
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.parametrize(("name", "reason"), [("missing", "no such file"), ("", "is a directory"), ("nul\0", "null")])
def test_a_wrong_name_is_found_before_anything_is_sent(tmp_path: Path, name: str, reason: str) -> None:
    """All files are looked at first; a missing file or a directory is a usage error that names it."""
    good = tmp_path / "good"
    good.write_bytes(b"x")
    with pytest.raises(UsageError, match=reason):
        FilesSource([str(good), str(tmp_path / name)])


def test_a_file_that_goes_away_is_an_error_that_names_it(tmp_path: Path) -> None:
    """Between the look and its turn a file can vanish; what came before it has been handed out."""
    first, second = tmp_path / "first", tmp_path / "second"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    source = FilesSource([str(first), str(second)])
    assert bodies(source.read()) == [b"1"]
    second.unlink()
    with pytest.raises(UsageError, match=f"cannot open {second}: no such file"):
        source.read()


def test_a_named_pipe_is_a_file_like_any_other(tmp_path: Path) -> None:
    """Opening it does not wait for a writer; its message is complete when the writer closes it."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = FilesSource([str(path)])
    assert source.fileno() is None
    assert bodies(source.read()) == []
    assert source.fileno() is not None
    with path.open("wb", buffering=0) as writer:
        writer.write(b"from ")
        assert bodies(source.read()) == []
        writer.write(b"afar")
    assert bodies(drain(source)) == [b"from afar"]


def test_an_unreadable_input_is_a_data_error(tmp_path: Path) -> None:
    """An error of the operating system names the input and says why."""
    fd = os.open(tmp_path, os.O_RDONLY)
    reading, writing = os.pipe()
    os.close(writing)
    source = LineSource(Descriptor(FileIO(reading), "an input"))
    os.dup2(fd, reading)
    os.close(fd)
    with pytest.raises(DataError, match="cannot read an input: is a directory"):
        source.read()


def test_envelopes_are_messages_with_everything_kept(pipe: Pipe) -> None:
    """What readers wrote comes back; blank lines are passed over; the last line needs no newline."""
    messages = [
        Message(body=b"\xff\n", properties=Properties(message_id="m", priority=3), headers={"n": 1}, routing_key="k"),
        Message(body=b""),
    ]
    pipe.write(b"\n" + line_of(messages[0]) + b" \n\n" + line_of(messages[1]).rstrip())
    pipe.close()
    assert drain(EnvelopeSource(pipe.input)) == messages


def test_a_bad_envelope_is_refused_by_file_and_line(tmp_path: Path) -> None:
    """What stands before it is handed out first; the error names file, line and key; what stands behind it follows."""
    good = line_of(Message(body=b"x"))
    source = from_file(tmp_path, good + b"\n" + good + b'{"v":2,"body":""}\n' + good, EnvelopeSource)
    assert bodies(source.read()) == [b"x", b"x"]
    with pytest.raises(DataError, match=f"{tmp_path / 'input'}, line 4: v must be 1"):
        source.read()
    assert bodies(source.read()) == [b"x"]
    assert source.read() is None


@pytest.mark.parametrize("behind", [b"", b"b\nc", b"b\nc\n" + b"y" * MAX_BODY + b"z\nd\n"])
def test_a_line_that_is_too_long_is_passed_over(tmp_path: Path, behind: bytes) -> None:
    """It is refused once, by its number, and the lines around it are handed out as they are."""
    source = from_file(tmp_path, b"a\n" + b"x" * (MAX_BODY + 1) + b"\n" + behind, LineSource)
    got: list[bytes] = []
    refused: list[str] = []
    while True:
        try:
            batch = source.read()
        except DataError as error:
            refused.append(str(error))
            continue
        if batch is None:
            break
        got += bodies(batch)
    short = [line for line in (b"a\n" + behind).splitlines() if len(line) <= MAX_BODY]
    assert got == short
    assert ["line 2 has" in each for each in refused[:1]] == [True]
    assert ["line 5 has" in each for each in refused[1:]] == [True] * (len(behind) > MAX_BODY)


def test_a_bad_first_envelope_is_refused_at_once(tmp_path: Path) -> None:
    """With nothing good before it there is nothing to hand out."""
    with pytest.raises(DataError, match="line 1: the envelope is not JSON"):
        from_file(tmp_path, b"plain text\n", EnvelopeSource).read()


def run(code: str, **options: object) -> subprocess.CompletedProcess[str]:
    code = "from diracmq_cli.input import *\n" + code
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]


def test_standard_input_is_descriptor_0(tmp_path: Path) -> None:
    """It is read as it is, and left open."""
    done = run(
        "import os; source = WholeSource(standard_input()); print(source.read()[0].body); del source; os.fstat(0)",
        stdin=subprocess.DEVNULL,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "b''\n", "")


def test_a_closed_standard_input_is_a_usage_error() -> None:
    """A caller that closed descriptor 0 (`<&-`) is told so."""
    done = run("standard_input()", preexec_fn=lambda: os.close(0))
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "diracmq_cli.errors.UsageError: standard input is closed"


def test_standard_input_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process too, where pytest has put something of its own in its place."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(UsageError, match="standard input is closed") as caught:
        standard_input()
    assert caught.value.hint is not None


def test_fifty_thousand_lines_cost_little(tmp_path: Path) -> None:
    """Reading must not be what `send -l` waits for: 50,000 lines in a fraction of a second of our time."""
    octets = b"".join(b"line %d of a pilot's log, with some text\n" % number for number in range(50_000))
    source = from_file(tmp_path, octets, LineSource)
    begin = time.process_time()
    assert len(drain(source)) == 50_000
    assert time.process_time() - begin < 0.5
