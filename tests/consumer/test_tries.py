"""What is remembered of failed tries, in memory and in the file that outlives the process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.consumers import until

from diracmq_cli.consumer.tries import Tries
from diracmq_cli.errors import OutputError

ONE, TWO = "1" * 32, "2" * 32


def _die_at(directory: Path, *keys: str, workers: int = 2, blamed: int | None = None) -> None:
    """A process that ends while it executes these messages: nothing is closed, as when it is killed."""
    child = os.fork()
    if not child:
        tries = Tries(directory, workers, 5)
        at = [tries.at_work(worker, key, f"message {key[0]}") for worker, key in enumerate(keys)]
        for each in at:
            each.__enter__()
        if blamed is not None:
            tries.blame(blamed)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_what_was_executed_has_one_try_more(tmp_path: Path) -> None:
    """However many processes end meanwhile because of others, until it is settled."""
    _die_at(tmp_path, ONE)
    _die_at(tmp_path, TWO)
    _die_at(tmp_path, TWO)
    tries = Tries(tmp_path, 2, 5)
    assert (tries.of(ONE), tries.of(TWO), tries.suspects) == (1, 2, ("message 2",))
    tries.done(TWO)
    tries.close()
    tries = Tries(tmp_path, 2, 5)
    assert (tries.of(ONE), tries.of(TWO), tries.suspects) == (1, 0, ())
    tries.close()


def test_what_had_ended_is_not_blamed(tmp_path: Path) -> None:
    """Neither what was executed before, nor, where one hangs, what is executed beside it."""
    tries = Tries(tmp_path, 2, 5)
    with tries.at_work(0, ONE, "message 1"):
        pass
    tries.close()
    _die_at(tmp_path, ONE, TWO, blamed=1)
    tries = Tries(tmp_path, 2, 5)
    assert (tries.of(ONE), tries.of(TWO)) == (0, 1)
    tries.close()


def test_who_was_blamed_twice_is_alone(tmp_path: Path) -> None:
    """It waits until nobody else executes, and nobody else begins beside it."""
    _die_at(tmp_path, ONE)
    _die_at(tmp_path, ONE)
    tries = Tries(tmp_path, 3, 5)
    inside: list[str] = []
    leave = {key: threading.Event() for key in (ONE, TWO, "3" * 32)}
    entered = {key: threading.Event() for key in leave}

    def execute(worker: int, key: str) -> None:
        with tries.at_work(worker, key, key):
            inside.append(key)
            entered[key].set()
            assert leave[key].wait(30)
            inside.remove(key)

    threads = [threading.Thread(target=execute, args=pair) for pair in ((0, TWO), (1, ONE), (2, "3" * 32))]
    threads[0].start()
    assert entered[TWO].wait(30)
    threads[1].start()
    until(lambda: tries._gate._alone > 0, lambda: "nobody waits to be alone")
    threads[2].start()
    assert inside == [TWO]
    leave[TWO].set()
    assert entered[ONE].wait(30)
    assert inside == [ONE]
    leave[ONE].set()
    assert entered["3" * 32].wait(30)
    leave["3" * 32].set()
    for thread in threads:
        thread.join()
    tries.close()


def test_another_number_of_workers(tmp_path: Path) -> None:
    """The file of more workers, or of fewer, is understood."""
    _die_at(tmp_path, ONE, TWO, workers=9)
    tries = Tries(tmp_path, 1, 5)
    assert (tries.of(ONE), tries.of(TWO)) == (1, 1)
    tries.close()
    tries = Tries(tmp_path, 20, 5)
    assert (tries.of(ONE), tries.of(TWO)) == (1, 1)
    tries.close()


def test_each_process_has_a_file(tmp_path: Path) -> None:
    """What another one executes is not blamed on this start."""
    one = Tries(tmp_path, 1, 5)
    with one.at_work(0, ONE, "message 1"):
        two = Tries(tmp_path, 1, 5)
        assert two.of(ONE) == 0
        assert {path.name for path in tmp_path.iterdir()} == {"in-hand", "in-hand.1"}
        two.close()
    one.close()


@pytest.mark.parametrize("spoil", [lambda path: path.symlink_to("/dev/null"), lambda path: path.mkdir()])
def test_what_is_no_file_of_ours(tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    """It is refused, not followed."""
    spoil(tmp_path / "in-hand")
    with pytest.raises(OutputError, match="cannot keep what is being executed"):
        Tries(tmp_path, 1, 5)


@settings(max_examples=50, deadline=None)
@given(octets=st.binary(max_size=4096))
def test_any_octets_are_a_file(tmp_path_factory: pytest.TempPathFactory, octets: bytes) -> None:
    """Whatever a crash or a person has left there, the consumer starts, and writes over it."""
    directory = tmp_path_factory.mktemp("any")
    (directory / "in-hand").write_bytes(octets)
    _die_at(directory, ONE)
    tries = Tries(directory, 1, 5)
    assert tries.of(ONE) == 1
    tries.close()
