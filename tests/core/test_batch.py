"""Lines in one message: joined, counted and taken apart, whatever they hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.deliveries import BROKER, a_delivery

from diracmq_cli.core.batch import complaint, count_lines, join_lines, split_lines
from diracmq_cli.core.envelope import decode, decode_delivery, encode
from diracmq_cli.core.message import Message
from diracmq_cli.core.stamp import Sender, stamp
from diracmq_cli.core.values import FieldValue
from diracmq_cli.errors import DataError

SENDER = Sender(login="robot", dn=None, app_id="test")
WRONG: list[FieldValue] = [0, 1, 3, -2, 2.0, "2", True, None, [2]]


@given(st.lists(st.binary().map(lambda line: line.replace(b"\n", b"")), min_size=1))
def test_there_and_back(lines: list[bytes]) -> None:
    """Any lines come back, empty ones too, and are counted rightly."""
    body = join_lines(lines)
    assert split_lines(body) == lines
    assert count_lines(body) == len(lines)


@given(st.binary())
def test_the_count_of_any_body(body: bytes) -> None:
    """A count is how many lines there are when a body is taken apart, however it came about."""
    assert count_lines(body) == len(split_lines(body))


@pytest.mark.parametrize("said", WRONG)
def test_a_wrong_number(said: FieldValue) -> None:
    """Only the true number as an integer is one; it is not sent otherwise, and an envelope does not keep it."""
    headers: dict[str, FieldValue] = {"dirac-lines": said}
    assert complaint(headers, b"a\nb\n") is not None
    with pytest.raises(DataError, match="dirac-lines"):
        stamp(Message(body=b"a\nb\n", headers=headers), SENDER, message_id="i", now=0)
    assert decode(encode(a_delivery(b"a\nb\n", headers=headers), BROKER)).headers == {}


def test_a_right_number_is_kept() -> None:
    """By the stamp, and by an envelope that is sent again."""
    message = decode(encode(a_delivery(b"a\nb\n", headers={"dirac-lines": 2, "dirac-host": "h"}), BROKER))
    assert message.headers == {"dirac-lines": 2}
    assert stamp(message, SENDER, message_id="i", now=0).headers["dirac-lines"] == 2


def test_the_envelope_of_a_line() -> None:
    """It says which line it is, and to send it again makes a message of its own: the id is that of them all."""
    whole = a_delivery(b"a")
    line = decode_delivery(encode(whole, BROKER)[:-1] + ',"line":7}')
    assert line.line == 7
    assert json.loads(encode(line, BROKER))["line"] == 7
    assert decode(encode(line, BROKER)).properties.message_id is None
    assert "line" not in json.loads(encode(whole, BROKER))
    for bad in ('"7"', "true", "1.5"):
        with pytest.raises(DataError, match="line must be"):
            decode_delivery(encode(whole, BROKER)[:-1] + f',"line":{bad}}}')
