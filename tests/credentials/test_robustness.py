"""Whatever bytes a credential file holds, reading it gives an identity or a CredentialError, and nothing crashes."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.proxies import Holder, by_dirac, by_globus, write_private

from diracmq_cli.credentials import certificate, der
from diracmq_cli.credentials.der import DerError

_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----\n(.*?)-----END [A-Z ]+-----\n", re.DOTALL)

WORKER = """
import json, sys, time
from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.credentials import CredentialFiles, read_identity
from diracmq_cli.errors import CredentialError
for line in sys.stdin:
    path = json.loads(line)
    try:
        answer = read_identity(CredentialFiles(path, path, CredentialKind.PROXY), now=time.time()).dn
    except CredentialError as error:
        answer = "error: " + str(error)
    print(json.dumps(answer), flush=True)
"""


class Reader:
    """Reads credentials in another process, so that even a segmentation fault is only a failed test."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "proxy"
        self._process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", WORKER], stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    def __call__(self, octets: bytes) -> str:
        """The DN that was read, or ``error: …``."""
        write_private(self._file, octets)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(str(self._file)) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            trouble = process.communicate()[1]
            self._process = self._start()
            raise AssertionError(f"the reader ended with {process.returncode}: {trouble}")
        return str(json.loads(line))

    def close(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("garbled"))
    yield reader
    reader.close()


@pytest.fixture(scope="module")
def proxy(jane: Holder, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A proxy of two steps, with a group, so that every kind of extension is there to be damaged."""
    directory = tmp_path_factory.mktemp("whole")
    first = by_dirac(jane, directory / "first", group="dirac_user")
    return by_globus(Holder.of_proxy(first), directory / "second").read_bytes()


def _damage(octets: bytes, how: str, where: float, value: int) -> bytes:
    at = int(where * len(octets))
    match how:
        case "flip":
            changed = bytes([octets[at] ^ (value or 1)]) if at < len(octets) else b""
            return octets[:at] + changed + octets[at + 1 :]
        case "cut":
            return octets[:at]
        case "drop":
            return octets[:at] + octets[at + 1 + value % 8 :]
        case "insert":
            return octets[:at] + bytes([value]) * (1 + value % 3) + octets[at:]
        case _:
            return octets[:at] + octets[: at or 1] + octets[at:]


_DAMAGE = st.tuples(
    st.sampled_from(["flip", "flip", "flip", "cut", "drop", "insert", "repeat"]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 255),
)
_SETTINGS = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@_SETTINGS
@given(damage=st.lists(_DAMAGE, min_size=1, max_size=3))
def test_damaged_text(damage: list[tuple[str, float, int]], proxy: bytes, reader: Reader) -> None:
    """Damage to the PEM text."""
    octets = proxy
    for how, where, value in damage:
        octets = _damage(octets, how, where, value)
    answer = reader(octets)
    assert answer.startswith(("error: proxy ", "/DC=org/DC=example/CN=Jane Doe"))


@_SETTINGS
@given(block=st.integers(0, 3), damage=st.lists(_DAMAGE, min_size=1, max_size=3))
def test_damaged_values(block: int, damage: list[tuple[str, float, int]], proxy: bytes, reader: Reader) -> None:
    """Damage inside a certificate or key, the base64 around it being right again.

    The CA's signature on the end entity is not checked here, so its name may come out changed, if nothing else is.
    """
    blocks = [(match[1], base64.b64decode(match[2])) for match in _BLOCK.finditer(proxy)]
    label, octets = blocks[block]
    for how, where, value in damage:
        octets = _damage(octets, how, where, value)
    blocks[block] = (label, octets)
    lines = [b"-----BEGIN %s-----\n%s-----END %s-----\n" % (n, base64.encodebytes(v), n) for n, v in blocks]
    answer = reader(b"".join(lines))
    assert answer.startswith(("error: proxy ", "/"))
    if octets == base64.b64decode(list(_BLOCK.finditer(proxy))[block][2]):
        assert answer == "/DC=org/DC=example/CN=Jane Doe"


@given(st.binary(max_size=200))
@example(b"")
@example(b"\x30\x80\x00\x00")
@example(b"\x1f\x81\x01\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
@example(b"\x06\x02\x80\x01")
def test_der_of_anything(octets: bytes) -> None:
    """The DER readers raise DerError and nothing else; what they accept is all of what they were given."""
    for read in (der.oid, der.moment, der.natural, der.boolean):
        with suppress(DerError):
            read(der.read_one(octets))
    try:
        elements = der.read_all(octets)
    except DerError:
        return
    assert b"".join(element.octets for element in elements) == octets


@given(block=st.integers(0, 2), damage=st.lists(_DAMAGE, min_size=1, max_size=3))
@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_certificate(block: int, damage: list[tuple[str, float, int]], proxy: bytes) -> None:
    """A damaged certificate parses or is a DerError."""
    octets = [base64.b64decode(match[2]) for match in _BLOCK.finditer(proxy) if match[1] == b"CERTIFICATE"][block]
    for how, where, value in damage:
        octets = _damage(octets, how, where, value)
    with suppress(DerError):
        assert certificate.parse(octets).octets == octets
