"""What is cut short or damaged is never delivered, and what is whole is found behind it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.spool import JANE, files, flaws, ids, label, line, lines, open_spool, take_all, waiting

from diracmq_cli.core.message import Message, Properties


def _segment(path: Path, count: int = 3) -> Path:
    """A spool that holds one segment of so many lines."""
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(lines(0, count))
    keeper.close()
    (segment,) = files(path)
    return segment


def test_each_truncation_leaves_a_prefix(tmp_path: Path) -> None:
    """Wherever a file is cut, the records before the cut are delivered exactly and nothing else is."""
    segment = _segment(tmp_path / "spool")
    octets = segment.read_bytes()
    kept = waiting(spool := open_spool(tmp_path / "spool"))
    seen = set()
    for size in range(len(octets)):
        segment.write_bytes(octets[:size])
        got = waiting(spool)
        assert got == kept[: len(got)]
        seen.add(len(got))
    assert seen == {0, 1, 2}


def test_a_torn_tail_is_gone_after_a_flush(tmp_path: Path) -> None:
    """Skipping a torn tail is no loss of anything that was kept, and its file goes with the entries before it."""
    segment = _segment(tmp_path / "spool")
    os.truncate(segment, segment.stat().st_size - 1)
    spool = open_spool(tmp_path / "spool")
    assert ids(take_all(spool)) == ["line-0", "line-1"]
    assert not spool.losses
    assert "torn" in spool.flaws[0].reason
    assert list((tmp_path / "spool").iterdir()) == []


def test_each_flipped_bit_costs_one_entry_at_most(tmp_path: Path) -> None:
    """A flipped bit never changes a message that is delivered; a damaged record costs itself alone."""
    segment = _segment(tmp_path / "spool", 2)
    octets = segment.read_bytes()
    header = octets.index(b"\n") + 1
    spool = open_spool(tmp_path / "spool")
    kept = waiting(spool)
    for index in range(len(octets)):
        for bit in range(8):
            segment.write_bytes(octets[:index] + bytes((octets[index] ^ 1 << bit,)) + octets[index + 1 :])
            got = waiting(spool)
            if index < header:
                assert got == []
                assert flaws(spool)[0].entries is None
            else:
                assert [message for message in kept if message in got] == got
                assert len(got) >= len(kept) - 1
                assert len(got) == len(kept) or flaws(spool)


def test_a_damaged_header_is_reported_and_left(tmp_path: Path) -> None:
    """A file whose owner cannot be known is sent by nobody, removed by nobody, and said."""
    segment = _segment(tmp_path / "spool")
    octets = segment.read_bytes()
    segment.write_bytes(octets.replace(b"Jane", b"John", 1))
    spool = open_spool(tmp_path / "spool")
    assert take_all(spool) == []
    assert [flaw.reason for flaw in spool.flaws] == ["the first line is damaged"]
    assert segment.read_bytes() == octets.replace(b"Jane", b"John", 1)


def test_damage_in_the_middle_is_counted_once(tmp_path: Path) -> None:
    """Entries that cannot be read are counted, the others are sent, and the file goes."""
    segment = _segment(tmp_path / "spool", 5)
    octets = segment.read_bytes()
    segment.write_bytes(octets.replace(b"line-1", b"l!ne-1").replace(b"line-3", b"l!ne-3"))
    spool = open_spool(tmp_path / "spool")
    assert ids(take_all(spool)) == ["line-0", "line-2", "line-4"]
    assert spool.losses.damaged == 2
    assert not list((tmp_path / "spool").iterdir())


def test_a_newer_format_is_refused_by_name(tmp_path: Path) -> None:
    """A file of a later version is left alone and said to be of one."""
    segment = _segment(tmp_path / "spool")
    octets = segment.read_bytes()
    segment.write_bytes(octets.replace(b"dirac-mq-spool 1 ", b"dirac-mq-spool 2 ", 1))
    spool = open_spool(tmp_path / "spool")
    assert take_all(spool) == []
    assert spool.flaws[0].reason == "it is of format 2, newer than this program reads (1)"
    assert segment.exists()


def test_a_body_that_holds_a_spool_is_a_body(tmp_path: Path) -> None:
    """Records copied into a body are not taken for records, even when the record around them is damaged."""
    path = tmp_path / "spool"
    spool = open_spool(path)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 2))
    (segment,) = files(path)
    copy = segment.read_bytes()
    keeper.append([Message(body=copy * 2, properties=Properties(message_id="copy")), line("after")])
    keeper.close()
    assert ids(waiting(spool)) == ["line-0", "line-1", "copy", "after"]
    assert waiting(spool)[2].body == copy * 2
    octets = segment.read_bytes()
    at = octets.index(b"copy")
    segment.write_bytes(octets[:at] + b"c0py" + octets[at + 4 :])
    assert ids(waiting(spool)) == ["line-0", "line-1", "after"]


@pytest.mark.parametrize("tail", [b"\0" * 5000, b"\xd1r\xacQ" * 500, os.urandom(3000)])
def test_rubbish_at_the_end_is_passed_over(tmp_path: Path, tail: bytes) -> None:
    """What a power cut leaves behind the last record does not matter."""
    segment = _segment(tmp_path / "spool")
    segment.write_bytes(segment.read_bytes() + tail)
    spool = open_spool(tmp_path / "spool")
    assert ids(take_all(spool, JANE)) == ["line-0", "line-1", "line-2"]
    assert not spool.losses
