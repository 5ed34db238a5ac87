"""Hostile answers: whatever octets come, in whatever pieces, one of our own errors comes out, or the CS."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from http.client import HTTPException

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from diracmq_cli.config.remote import dips, https
from diracmq_cli.config.remote.answer import parse, reply, value
from diracmq_cli.config.remote.failures import translate
from diracmq_cli.config.remote.redact import without_passwords
from diracmq_cli.config.remote.request import Request
from diracmq_cli.config.remote.servers import Server
from diracmq_cli.core.model import HostPort
from diracmq_cli.errors import MQError

SERVER = Server("https://cs:1/Configuration/Server", "https", HostPort("cs", 1))
REQUEST = Request()


class Pieces:
    """A channel that gives what it has in given pieces, and then the end of the stream."""

    def __init__(self, octets: bytes, sizes: list[int]) -> None:
        self.octets, self.sizes = octets, list(sizes)
        self.heard = bool(octets)

    def sendall(self, octets: bytes) -> None:
        """Take it."""

    def read(self, size: int) -> bytes:
        wanted = min(size, self.sizes.pop() if self.sizes else size)
        piece, self.octets = self.octets[:wanted], self.octets[wanted:]
        return piece


def outcome(ask, octets: bytes, sizes: list[int]) -> object:
    """The reply, or our error."""
    channel = Pieces(octets, sizes)
    try:
        got = ask(channel, SERVER, REQUEST)
        return got.version, got.text() if got.packed is not None else None
    except MQError as error:
        return error
    except (OSError, EOFError, HTTPException) as error:
        return translate(error, connected=True, heard=channel.heard)


SIZES = st.lists(st.integers(1, 50), max_size=200)


def frame(payload: bytes) -> bytes:
    return b"%d:%s" % (len(payload), payload)


def good(tagged: bool, text: str) -> bytes:
    data: object = base64.b64encode(zlib.compress(text.encode())).decode()
    structure = {"newestVersion": "1", "data": {"__dCls": "b64", "obj": data} if tagged else data}
    return json.dumps({"OK": True, "Value": structure}).encode()


ANSWER = frame(b'{"OK": true, "Value": null}') + frame(good(True, "A = b\n"))
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(good(False, "A = b\n")) + good(False, "A = b\n")


@given(SIZES)
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    """However the network cuts an answer, it is the same."""
    assert outcome(dips.ask, ANSWER, sizes) == ("1", "A = b\n")
    assert outcome(https.ask, HTTP, sizes) == ("1", "A = b\n")


@pytest.mark.parametrize(("ask", "whole"), [(dips.ask, ANSWER), (https.ask, HTTP)], ids=["dips", "https"])
def test_every_beginning_of_an_answer(ask, whole: bytes) -> None:
    """An answer that is cut anywhere is an error of ours, never a CS."""
    for end in range(len(whole)):
        assert isinstance(outcome(ask, whole[:end], []), MQError), end


@pytest.mark.parametrize(("ask", "whole"), [(dips.ask, ANSWER), (https.ask, HTTP)], ids=["dips", "https"])
@settings(max_examples=300)
@given(data=st.data())
def test_damaged_answers(ask, whole: bytes, data: st.DataObject) -> None:
    """Some octets changed: an error of ours, or a reply of the right types."""
    octets = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    got = outcome(ask, bytes(octets), [])
    if not isinstance(got, MQError):
        version, text = got  # type: ignore[misc]
        assert isinstance(version, str)
        assert text is None or isinstance(text, str)


@settings(max_examples=300)
@given(st.binary(max_size=200), SIZES)
@example(b"dka", [])
@example(b"dk", [])
@example(b"d", [])
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", [])
@example(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}", [])
@example(b"HTTP/1.1 " + b"9" * 70_000, [])
@example(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 300, [])
def test_any_octets(octets: bytes, sizes: list[int]) -> None:
    """Noise is an error of ours, over both."""
    for ask in (dips.ask, https.ask):
        assert isinstance(outcome(ask, octets, sizes), MQError)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["OK", "Value", "newestVersion", "data", "__dCls", "obj", "Errno"]), below)
    ),
    max_leaves=8,
)


@given(JSON, st.booleans())
def test_any_json(structure: object, tagged: bool) -> None:
    """Any JSON is a reply or an error of ours."""
    with contextlib.suppress(MQError):
        got = reply(value(parse(json.dumps(structure).encode())), tagged=tagged)
        assert isinstance(got.version, str)
        assert got.packed is None or isinstance(got.packed, bytes)


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("Password = s3cret", "Password ="),
        ("    Password=s3cret", "    Password ="),
        ("\tPassword   =  a = b", "\tPassword ="),
        ("Password += s3cret", "Password ="),
        ("DBPassword = s3cret", "DBPassword ="),
        ("password = s3cret", "password ="),
        ("PASSWORD\xa0= s3cret", "PASSWORD ="),
        ("mq { Password = s3cret", "mq { Password ="),
        ("# Password = s3cret", ""),
        ("  #Password=s3cret", ""),
        ("Password =", ""),
        ("Password =   ", ""),
        ("PasswordFile = /etc/x", "PasswordFile = /etc/x"),
        ("Description = Password = x", "Description = Password = x"),
        ("Host = Password", "Host = Password"),
        ("Password\n= s3cret", "Password\n= s3cret"),
    ],
)
def test_without_passwords(line: str, left: str) -> None:
    """An option keeps its name, so that it can be told; lines keep their numbers; all else stays as it is."""
    assert without_passwords(f"A\n{{\n{line}\nB = c\n}}\n") == f"A\n{{\n{left}\nB = c\n}}\n"


@given(st.lists(st.text(alphabet=" \tPasswordx+=#{}\x0b\xa0", max_size=24), max_size=6))
def test_no_password_survives(lines: list[str]) -> None:
    """Whatever a CFG looks like, diraccfg finds no option ending in Password that has a value."""
    from diraccfg import CFG

    text = without_passwords("\n".join(lines))
    assert text.count("\n") == max(0, len(lines) - 1)
    try:
        cfg = CFG().loadFromBuffer(text)
    except Exception:
        return
    for name, found in _options(cfg.getAsDict()):
        assert not name.casefold().endswith("password") or not found


def _options(tree):
    for name, found in tree.items():
        if isinstance(found, dict):
            yield from _options(found)
        else:
            yield name, found
