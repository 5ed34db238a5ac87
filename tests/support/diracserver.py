"""DIRAC's own Configuration/Server, both of them, and DIRAC's own clients, run from ``.venv-dirac``.

Over dips everything is DIRAC's. Over https the handler is DIRAC's, and TLS is Python's: DIRAC's Tornado is a patched
one that no registry holds.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.dirac_env import dirac_python
from support.pki import PKI
from support.proxies import Holder

_PRELUDE = """
import sys, types
tokens = types.ModuleType("DIRAC.Core.Security.DiracX")  # imported everywhere, used for tokens only
for name in ("diracxTokenFromPEM", "DiracXClient", "FutureClient", "executeRPCStub", "addTokenToPEM"):
    setattr(tokens, name, None)
sys.modules["DIRAC.Core.Security.DiracX"] = tokens
from DIRAC.ConfigurationSystem.Client.LocalConfiguration import LocalConfiguration
local = LocalConfiguration()
local.disableParsingCommandLine()
"""

_DIPS = (
    _PRELUDE
    + """
from DIRAC.Core.DISET.ServiceReactor import ServiceReactor
local.setConfigurationForServer("Configuration/Server")
local.loadUserData()
reactor = ServiceReactor()
assert reactor.initialize(["Configuration/Server"])["OK"]
reactor.serve()
"""
)

_HTTPS = (
    _PRELUDE
    + """
import ssl
import tornado.httpserver, tornado.httputil, tornado.ioloop, tornado.web
from M2Crypto import X509
port, certificate, key, cas = sys.argv[1:]
local.setConfigurationForTornado()
local.loadUserData()
from DIRAC.Core.Tornado.Server.HandlerManager import HandlerManager

def chain(request):
    presented = request.connection.stream.socket._sslobj.get_unverified_chain()
    return [X509.load_cert_der_string(each.public_bytes(ssl._ssl.ENCODING_DER)) for each in presented]

tornado.httputil.HTTPServerRequest.get_ssl_certificate = lambda request: chain(request)[0]
tornado.httputil.HTTPServerRequest.get_ssl_certificate_chain = lambda request: chain(request)[1:]
manager = HandlerManager(["Configuration/Server"], False)
assert manager.loadServicesHandlers()["OK"]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.load_verify_locations(capath=cas)
context.verify_mode = ssl.CERT_REQUIRED
context.verify_flags |= 0x40
application = tornado.web.Application(manager.getHandlersURLs(), compress_response=True, cookie_secret="x" * 32)
tornado.httpserver.HTTPServer(application, ssl_options=context, decompress_request=True).listen(int(port), "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
"""
)

_CLIENT = (
    _PRELUDE
    + """
import json
local.loadUserData()
from DIRAC.ConfigurationSystem.Client.ConfigurationClient import ConfigurationClient
result = ConfigurationClient(url=sys.argv[1]).getCompressedDataIfNewer("0")
print(json.dumps([result["OK"], result["Value"]["data"].hex() if result["OK"] else result["Message"]]))
"""
)

_SERVER_CFG = """
DIRAC
{{
  Configuration
  {{
    Master = yes
    Name = Test
    AutoPublish = no
  }}
  Security
  {{
    UseServerCertificate = yes
    CertFile = {certificate}
    KeyFile = {key}
    CALocation = {cas}
  }}
}}
Systems
{{
  Configuration
  {{
    Services
    {{
      Server
      {{
        HandlerPath = DIRAC/ConfigurationSystem/Service/{handler}.py
        Port = {port}
        Protocol = {scheme}
        Authorization
        {{
          Default = authenticated
        }}
      }}
    }}
    URLs
    {{
      Server = {scheme}://localhost:{port}/Configuration/Server
    }}
  }}
}}
"""


@dataclass
class DiracServer:
    """One that runs; ``log`` is what it has written."""

    url: str
    log: Path


@contextlib.contextmanager
def dirac_server(scheme: str, directory: Path, pki: PKI, host: Holder, text: str) -> Iterator[DiracServer]:
    """DIRAC's Configuration/Server serving ``text``, which names its /DIRAC/Configuration/{Name,Version}."""
    port = _free_port()
    handler = {"dips": "ConfigurationHandler", "https": "TornadoConfigurationHandler"}[scheme]
    etc = directory / "etc"
    etc.mkdir(parents=True)
    cfg = _SERVER_CFG.format(
        certificate=host.certificate, key=host.key, cas=pki.ca_directory, handler=handler, port=port, scheme=scheme
    )
    (etc / "dirac.cfg").write_text(cfg)
    (etc / "Test.cfg").write_text(text)
    log = directory / "log"
    arguments = [str(port), str(host.certificate), str(host.key), str(pki.ca_directory)] if scheme == "https" else []
    command = [dirac_python(), "-W", "ignore", "-c", {"dips": _DIPS, "https": _HTTPS}[scheme], *arguments]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, cwd=directory, env=_environment(directory, pki, etc / "dirac.cfg")
        )
    try:
        _wait(port, process, log)
        yield DiracServer(f"{scheme}://localhost:{port}/Configuration/Server", log)
    finally:
        process.kill()
        process.wait()


def dirac_client(url: str, directory: Path, pki: PKI, proxy: Path) -> str:
    """What DIRAC's own client gets from ``url``: JSON of whether it went well, and the data in hexadecimal."""
    environment = {**_environment(directory, pki, directory / "no.cfg"), "X509_USER_PROXY": str(proxy)}
    done = subprocess.run(
        [dirac_python(), "-W", "ignore", "-c", _CLIENT, url],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )
    if done.returncode:
        raise AssertionError(f"DIRAC's client failed: {done.stderr}")
    return done.stdout.splitlines()[-1]


def _environment(directory: Path, pki: PKI, cfg: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "DIRAC_ROOT_PATH": str(directory),
        "DIRACSYSCONFIG": str(cfg),
        "X509_CERT_DIR": str(pki.ca_directory),
    }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"DIRAC's server ended: {log.read_text()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise AssertionError(f"DIRAC's server does not listen: {log.read_text()}")
