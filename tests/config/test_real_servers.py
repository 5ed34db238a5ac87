"""DIRAC's own Configuration/Server over dips and https; and our stand-in for it held against DIRAC's own code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import diraccfg
import pytest
from cryptography.x509.oid import NameOID
from support.asking import Asker
from support.cfgs import mq_service
from support.csserver import CS, TlsServer, packed
from support.diracserver import DiracServer, dirac_client, dirac_server
from support.pki import PKI, distinguished
from support.proxies import Holder

from diracmq_cli.errors import CredentialError

TEXT = """
DIRAC
{
  Configuration
  {
    Name = Test
    Version = 2026-11-24 01:02:03.000004
  }
}
Registry
{
  Users
  {
    jane
    {
      DN = /DC=org/DC=example/CN=Jane Doe
    }
  }
  Hosts
  {
    localhost
    {
      DN = /DC=org/DC=example/CN=localhost
    }
  }
  Groups
  {
    user
    {
      Users = jane
      Properties = NormalUser
    }
  }
  DefaultGroup = user
}
""" + mq_service("Queues\n{\njobs\n{\nDescription = Grüße\n}\n}")

SCHEMES = ("dips", "https")


@pytest.fixture(scope="module", params=SCHEMES)
def server(request, tmp_path_factory, pki: PKI, host: Holder) -> Iterator[DiracServer]:
    """DIRAC's server for one scheme."""
    directory = tmp_path_factory.mktemp("dirac")
    with dirac_server(request.param, directory, pki, host, TEXT) as running:
        yield running


def test_proxy(server: DiracServer, asker: Asker) -> None:
    """A user with an RFC proxy reads the CS: its queues are found, and their source is the server."""
    queue = asker.service(server.url).find(lambda model: model.resolve("jobs"))
    assert queue.description == "Grüße"
    assert queue.source.file == server.url
    assert "[user:jane]" in server.log.read_text()


def test_only_what_is_newer_is_sent(server: DiracServer, asker: Asker) -> None:
    """Asked anew, the server has nothing newer and sends no data; the copy is fresh again."""
    asker.service(server.url).everything()
    (copy,) = (asker.directory / "cache" / "dirac-mq").glob("cs-*.cfg")
    before = copy.read_bytes()
    again = asker.service(server.url, max_age=0)
    assert again.everything().model.resolve("jobs")
    assert asker.credentials == 2
    assert copy.read_bytes() == before


def test_stranger(server: DiracServer, asker: Asker, pki: PKI) -> None:
    """A good certificate that the CS does not know is refused with 77, and told to register."""
    stranger = pki.issue("stranger", distinguished((NameOID.COMMON_NAME, "A Stranger")))
    asker.proxy = _joined(stranger, asker.directory)
    with pytest.raises(CredentialError) as caught:
        asker.service(server.url).everything()
    assert str(caught.value).startswith(f"{server.url}: it ")
    assert "registered" in (caught.value.hint or "")


def test_host_certificate(server: DiracServer, asker: Asker, host: Holder) -> None:
    """A host certificate reads the CS when it says that it is one (extra credentials), and not when it does not."""
    asker.proxy = _joined(host, asker.directory)
    with pytest.raises(CredentialError):
        asker.service(server.url).everything()
    asker.as_host = True
    assert asker.service(server.url).everything().model.resolve("jobs")


def test_expired_proxy(server: DiracServer, asker: Asker, expired_proxy: Path) -> None:
    """An expired proxy ends in 77 and a sentence about the proxy, also where the server only hangs up."""
    asker.proxy = expired_proxy
    with pytest.raises(CredentialError) as caught:
        asker.service(server.url).everything()
    assert "expired" in str(caught.value)
    assert "dirac-proxy-init" in (caught.value.hint or "")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_stand_in(scheme: str, tmp_path: Path, pki: PKI, host: Holder, proxy: Path, asker: Asker) -> None:
    """DIRAC's own client understands our stand-in; and what it says to it is what we say, but for the version."""
    cs = CS(TEXT)
    with TlsServer(host, pki.ca_directory, cs.conversation(scheme), scheme) as server:
        theirs = json.loads(dirac_client(server.url, tmp_path, pki, proxy))
        said_by_dirac = list(server.heard)
        server.heard.clear()
        asker.service(server.url).everything()
        said_by_us = list(server.heard)
    assert theirs == [True, packed(TEXT).hex()]
    assert len(said_by_us) == len(said_by_dirac) == 2
    if scheme == "https":
        assert said_by_us[0].split(b"\r\n")[0] == said_by_dirac[0].split(b"\r\n")[0]
        assert parse_qs(said_by_us[1], strict_parsing=True) == parse_qs(said_by_dirac[1], strict_parsing=True)
    else:
        ours, dirac = (json.loads(each[0])["Value"] for each in (said_by_us, said_by_dirac))
        assert (
            ours[:3]
            == dirac[:3]
            == [["Configuration/Server", "None", "unknown"], ["RPC", "getCompressedDataIfNewer"], ""]
        )
        assert said_by_us[1] == said_by_dirac[1] == b'{"OK": true, "Value": ["0"]}'


def test_stand_in_answers_as_dirac(server: DiracServer, pki: PKI, host: Holder, proxy: Path, asker: Asker) -> None:
    """The stand-in's octets are those of DIRAC's server for the same CFG (https: the body; dips: all of it)."""
    scheme = server.url.partition(":")[0]
    asker.service(server.url).everything()
    (copy,) = (asker.directory / "cache" / "dirac-mq").glob("cs-*.cfg")
    text = copy.read_text().partition("\n")[2]
    assert str(diraccfg.CFG().loadFromBuffer(text)) == text
    cs = CS(text)
    with TlsServer(host, pki.ca_directory, cs.conversation(scheme), scheme) as stand_in:
        assert _raw(scheme, stand_in.url, pki, proxy) == _raw(scheme, server.url, pki, proxy)


def _raw(scheme: str, url: str, pki: PKI, proxy: Path) -> bytes:
    """What a server answers, octet for octet; the head of HTTP left out."""
    import socket
    from urllib.parse import urlsplit

    from support.asking import client_context

    port = urlsplit(url).port
    frames = [["Configuration/Server", "None", "unknown"], ["RPC", "getCompressedDataIfNewer"], "", "9.1.22"], ["0"]
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        client_context(pki, proxy).wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        if scheme == "https":
            body = "method=getCompressedDataIfNewer&args=%5B%220%22%5D&clientVO=unknown&clientSetup=None"
            head = f"POST /Configuration/Server HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            head += "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
            connection.sendall((head + body).encode())
            return _all(connection).partition(b"\r\n\r\n")[2]
        for frame in frames:
            payload = json.dumps({"OK": True, "Value": frame})
            connection.sendall(f"{len(payload)}:{payload}".encode())
        return _all(connection)


def _all(connection) -> bytes:
    octets = b""
    while piece := connection.recv(65536):
        octets += piece
    return octets


def _joined(holder: Holder, directory: Path) -> Path:
    """Certificate and key in one file."""
    path = directory / f"{holder.certificate.name}.both"
    path.write_bytes(holder.certificate.read_bytes() + holder.key.read_bytes())
    return path
