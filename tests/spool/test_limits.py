"""How old and how large the spool may become: what goes is counted, and the count is where the entries were."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.spool import JANE, JOHN, gaps, ids, label, line, lines, open_spool, spool_in_memory, take_all, waiting

from diracmq_cli.errors import OutputError


@pytest.fixture
def memory() -> Iterator[Path]:
    with spool_in_memory() as path:
        yield path


def _octets(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir())


def test_expired_entries_are_dropped_when_read(tmp_path: Path) -> None:
    """An entry stamped longer ago than the ttl is given up and counted; the others are sent."""
    now = int(time.time())
    spool = open_spool(tmp_path / "spool", ttl=3600)
    keeper = spool.keeper(label())
    keeper.append([line("old", timestamp=now - 3700), line("young", timestamp=now - 3500), line("new", timestamp=now)])
    keeper.close()
    assert ids(take_all(spool)) == ["young", "new"]
    assert spool.losses.expired == 1
    assert spool.losses.text() == "1 expired"
    assert list((tmp_path / "spool").iterdir()) == []


def test_without_a_ttl_nothing_expires(tmp_path: Path) -> None:
    """A line of the year 2001 waits as long as it must."""
    spool = open_spool(tmp_path / "spool")
    keeper = spool.keeper(label())
    keeper.append([line("old", timestamp=1_000_000_000)])
    keeper.close()
    assert ids(take_all(spool)) == ["old"]


def test_the_oldest_go_and_a_gap_counts_them(memory: Path) -> None:
    """A full spool stays within its size, holds the newest entries, and says how many went."""
    path = memory
    spool = open_spool(path, limit=100_000)
    keeper = spool.keeper(label())
    for number in range(0, 5000, 10):
        keeper.append(lines(number, number + 10))
        assert _octets(path) <= 100_000
    left = ids(waiting(spool))
    assert left == [f"line-{number}" for number in range(5000 - len(left), 5000)]
    assert len(left) > 200
    assert spool.losses.dropped == 5000 - len(left)
    assert gaps(spool) == 5000 - len(left)
    keeper.close()
    other = open_spool(path)
    assert ids(take_all(other)) == left
    assert other.losses.dropped == 5000 - len(left)
    assert list(path.iterdir()) == []


def test_the_oldest_go_whoever_owns_them(tmp_path: Path) -> None:
    """The limit is for all senders together; a gap stays with the owner of what it stands for."""
    path = tmp_path / "spool"
    spool = open_spool(path, limit=100_000)
    john, jane = spool.keeper(label(JOHN)), spool.keeper(label(JANE))
    john.append(lines(0, 100, "john", owner=JOHN))
    john.append(lines(100, 120, "john", owner=JOHN))
    for number in range(0, 600, 10):
        jane.append(lines(number, number + 10, "jane"))
    assert _octets(path) <= 100_000
    john.close()
    jane.close()
    spool = open_spool(path)
    assert len(take_all(spool, JANE)) + spool.losses.dropped == 600
    before = spool.losses.dropped
    assert len(take_all(spool, JOHN)) + spool.losses.dropped - before == 120
    assert spool.losses.dropped > 0


def test_age_counts_and_not_whose_sender_began_first(memory: Path) -> None:
    """A sender that began early and keeps something now keeps what is newest: older entries of later senders go."""
    spool = open_spool(memory, limit=100_000)
    early, late = spool.keeper(label()), spool.keeper(label())
    early.append([line("early")])
    for number in range(0, 420, 10):
        late.append(lines(number, number + 10, "late"))
    for number in range(0, 150, 10):
        early.append(lines(number, number + 10, "early"))
    left = ids(waiting(spool))
    assert spool.losses.dropped
    assert [f"early-{number}" for number in range(50, 150)] == [one for one in left if one.startswith("early-")][-100:]
    assert "late-0" not in left


def test_a_message_larger_than_the_spool_is_refused(tmp_path: Path) -> None:
    """Nothing else is dropped for a message that could not be kept anyway."""
    spool = open_spool(tmp_path / "spool", limit=10_000)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 5))
    with pytest.raises(OutputError, match="may hold 10000"):
        keeper.append([line("large", size=20_000)])
    assert ids(waiting(spool)) == [f"line-{number}" for number in range(5)]
    assert not spool.losses


def test_what_was_sent_is_not_counted_as_dropped(tmp_path: Path) -> None:
    """Entries that a sender drained itself are no loss when their segment goes."""
    spool = open_spool(tmp_path / "spool", limit=50_000)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 60))
    assert keeper.backlog is not None
    sent = keeper.backlog.read(30)
    keeper.backlog.confirm(sent)
    keeper.backlog.close()
    keeper.append(lines(60, 400))
    left = ids(waiting(spool))
    assert len(left) + spool.losses.dropped + 30 == 400
    assert spool.losses.dropped == gaps(spool)


def test_a_sender_meets_its_own_gap_once(memory: Path) -> None:
    """What a sender dropped and counted is not counted again when it drains; the gap goes when it lets go."""
    spool = open_spool(memory, limit=50_000)
    keeper = spool.keeper(label())
    keeper.append(lines(0, 400))
    dropped = spool.losses.dropped
    assert dropped
    assert keeper.backlog is not None
    while entries := keeper.backlog.read(7):
        keeper.backlog.confirm(entries)
    assert gaps(spool) == spool.losses.dropped == dropped
    keeper.backlog.close()
    assert gaps(spool) == 0
    keeper.close()
    assert list(memory.iterdir()) == []


def test_a_segment_is_read_to_its_end_though_its_sender_writes_the_next(memory: Path) -> None:
    """Reading lags behind writing over several segments: each entry is met once, in order."""
    spool = open_spool(memory, limit=1_000_000)
    spool._budget.segment_size = 3000
    keeper = spool.keeper(label())
    keeper.append(lines(0, 5))
    assert keeper.backlog is not None
    got = ids(keeper.backlog.read(2))
    for number in range(5, 100, 5):
        keeper.append(lines(number, number + 5))
        got += ids(keeper.backlog.read(3))
    while entries := keeper.backlog.read(10):
        got += ids(entries)
    assert got == [f"line-{number}" for number in range(100)]


@given(
    limit=st.integers(6_000, 60_000),
    batches=st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 900), min_size=1, max_size=30)), max_size=40),
)
@settings(max_examples=40, deadline=None)
def test_nothing_goes_uncounted(limit: int, batches: list[tuple[int, list[int]]]) -> None:
    """Whatever is kept by whomever: the size is respected, each sender's newest stay, each loss is counted once."""
    with spool_in_memory() as path:
        spool = open_spool(path, limit=limit)
        keepers = [spool.keeper(label()) for _ in range(3)]
        kept: list[list[str]] = [[], [], []]
        for sender, sizes in batches:
            messages = [line(f"{sender}-{len(kept[sender]) + index}", size=size) for index, size in enumerate(sizes)]
            keepers[sender].append(messages)
            kept[sender] += ids(messages)
            assert _octets(path) <= limit + 3 * 300  # gaps are small and few
        left = ids(waiting(spool))
        for sender in range(3):
            mine = [one for one in left if one.startswith(f"{sender}-")]
            assert mine == kept[sender][len(kept[sender]) - len(mine) :]
        assert len(left) + spool.losses.dropped == sum(map(len, kept))
        assert gaps(spool) == spool.losses.dropped
        for keeper in keepers:
            keeper.close()
        assert sorted(ids(take_all(open_spool(path)))) == sorted(left)
