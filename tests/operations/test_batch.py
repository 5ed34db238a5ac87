"""When a batch is closed: by its size, by the age of its first line, and when it is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from diracmq_cli.core.batch import split_lines
from diracmq_cli.core.message import Message
from diracmq_cli.operations.batch import Batch


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _lines(*bodies: bytes) -> list[Message]:
    return [Message(body=body) for body in bodies]


@given(st.lists(st.integers(0, 40).map(lambda size: b"x" * size), max_size=60), st.integers(1, 30), st.data())
def test_size(bodies: list[bytes], limit: int, data: st.DataObject) -> None:
    """However lines arrive: none is missing or out of order, no message of several is over the limit, and none could
    have held the next one's first line."""
    batch = Batch(limit, 1.0, Clock())
    messages: list[Message] = []
    rest = list(bodies)
    while rest:
        count = data.draw(st.integers(1, len(rest)))
        messages += batch.add(_lines(*rest[:count]))
        del rest[:count]
    messages += batch.close()
    taken = [split_lines(message.body) for message in messages]
    assert [line for lines in taken for line in lines] == bodies
    assert [message.headers["dirac-lines"] for message in messages] == [len(lines) for lines in taken]
    for message, lines in zip(messages, taken, strict=True):
        assert message.size <= limit or len(lines) == 1
    for message, following in zip(messages, taken[1:], strict=False):
        assert message.size + len(following[0]) + 1 > limit
    assert batch.close() == []


def test_linger() -> None:
    """It is due so long after its first line, however many come later; an empty one never is."""
    clock = Clock()
    batch = Batch(100, 5.0, clock)
    assert batch.due is None
    batch.add(_lines(b"a"))
    clock.now = 4.0
    batch.add(_lines(b"b"))
    assert batch.due == 1.0
    clock.now = 6.0
    assert batch.due == 0.0
    (message,) = batch.close()
    assert message.body == b"a\nb\n"
    assert batch.due is None
    batch.add(_lines(b"c"))
    assert batch.due == 5.0
