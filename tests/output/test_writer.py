import os
import threading

import pytest
from support.deliveries import BROKER, a_delivery

from diracmq_cli.errors import OutputError
from diracmq_cli.output.ndjson import NdjsonSink
from diracmq_cli.output.terminal import Look
from diracmq_cli.output.text import TextSink
from diracmq_cli.output.writer import BUFFER, Writer


def test_nothing_is_written_before_the_flush(tmp_path):
    """Small output is gathered and written at once."""
    with (tmp_path / "out").open("wb+") as file:
        writer = Writer(file.fileno())
        writer.write(b"a")
        writer.write(b"b")
        assert os.pread(file.fileno(), 10, 0) == b""
        writer.flush()
        assert os.pread(file.fileno(), 10, 0) == b"ab"


def test_much_is_written_without_a_flush(tmp_path):
    """Memory stays bounded however long the flush is in coming."""
    with (tmp_path / "out").open("wb+") as file:
        writer = Writer(file.fileno())
        for _ in range(5):
            writer.write(bytes(BUFFER // 2))
        assert os.fstat(file.fileno()).st_size == BUFFER * 2


@pytest.mark.parametrize("make", [NdjsonSink, lambda writer: TextSink(writer, Look())])
def test_a_full_device_is_an_output_error(make):
    """``> /dev/full``: an error that names the output and the reason, exit status 74."""
    fd = os.open("/dev/full", os.O_WRONLY)
    try:
        sink = make(Writer(fd))
        sink.write(a_delivery(), BROKER)
        with pytest.raises(OutputError, match=r"^cannot write standard output: no space left on device$") as caught:
            sink.flush()
        assert caught.value.exit_status == 74
        sink.flush()  # nothing is left to fail again
    finally:
        os.close(fd)


def test_a_closed_pipe_stays_what_it_is():
    """``| head -1``: BrokenPipeError, so that the process can end by SIGPIPE; a second flush has nothing to say."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    writer = Writer(write_end)
    writer.write(b"x" * 10)
    with pytest.raises(BrokenPipeError):
        writer.flush()
    writer.flush()
    os.close(write_end)


def test_a_closed_descriptor_is_an_output_error():
    """``>&-``."""
    fd = os.open(os.devnull, os.O_WRONLY)
    os.close(fd)
    writer = Writer(fd)
    writer.write(b"x")
    with pytest.raises(OutputError, match="bad file descriptor"):
        writer.flush()


def test_a_non_blocking_pipe_is_waited_for():
    """A pipe that somebody made non-blocking takes all the same, in order, however slow its reader is."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    data = os.urandom(1 << 20)
    received = bytearray()

    def read() -> None:
        while piece := os.read(read_end, 10_000):
            received.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    writer = Writer(write_end)
    writer.write(data)
    writer.flush()
    os.close(write_end)
    reader.join()
    os.close(read_end)
    assert bytes(received) == data
