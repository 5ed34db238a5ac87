"""The Erlang node of ``tests/plugin/chain_server.erl``, and an OpenSSL client that shows it chains."""

from __future__ import annotations

import json
import select
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.chain_parts import USER_USAGE, name, one_line
from support.chain_world import World
from support.chains import YESTERDAY, Issued, crl, issue, rsa_key

from diracmq_cli import admin
from diracmq_cli.admin.authorities import read_authorities
from diracmq_cli.admin.installation import Installation
from diracmq_cli.admin.plugin import PLUGIN_NAME
from diracmq_cli.admin.signingterms import signing_terms

VERSIONS = ("1.2", "1.3")
_TLS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_SOURCE = Path(__file__).parents[1] / "plugin" / "chain_server.erl"
_PATIENCE = 20.0

SOURCES = Path(admin.__path__[0]) / PLUGIN_NAME
"""The plugin's Erlang."""

LISTENERS = {
    "default": "[]",
    "no limited": "[{limited, reject}]",
    "two proxies": "[{max_proxies, 2}]",
    "crl": "[{crl, {require, CERTIFICATES}}]",
    "crl if present": "[{crl, {if_present, CERTIFICATES}}]",
    "policy": "[{signing_policy, {require, TERMS}}]",
    "policy if present": "[{signing_policy, {if_present, TERMS}}, {crl, off}]",
    "resuming": "[]",
    "stock": "",
}
"""Options of the plugin by listener; ``resuming`` takes up old TLS 1.2 sessions, ``stock`` has no plugin of ours but
rabbitmq_auth_mechanism_ssl."""

POLICY = """\
access_id_CA   X509    '{}'
pos_rights     globus  CA:sign
cond_subjects  globus  '{}'
"""

POLICIES = {
    "/DC=org/DC=example/CN=Grid CA": '"/DC=org/DC=example/CN=[JR]*" "/DC=org/DC=example/CN=Ja*" '
    '"/DC=org/DC=example/CN=R*" "/*/CN=Issuing CA" "/DC=org/DC=example/CN=???? CA"',
    "/DC=org/DC=example/CN=Issuing CA": '"/DC=org/DC=example/CN=J*"',
    "/DC=org/DC=example/CN=Last CA": "/nobody",
}
"""What a CA may certify, in the listeners that ask for it; the others have no signing policy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the server made of one connection, and whether its client was let in."""

    accepted: bool
    client_got_in: bool
    log: list[str]
    dn: str | None = None
    kind: str | None = None
    depth: int | None = None
    until: float | None = None
    login: str | None = None
    alert: str | None = None
    listener: str | None = None


class ChainServer:
    """A running server; one connection at a time."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path) -> None:
        self._process = process
        self._client = directory / "client.pem"
        self._ports: dict[str, int] = {}
        self._rest = b""
        for _ in LISTENERS:
            line = self._line()
            self._ports[line["listener"]] = line["port"]

    def judge(self, chain: Sequence[Issued], *, listener: str = "default", version: str) -> Judgement:
        """Show ``chain`` (leaf first) and say what came of it."""
        try:
            context = self.context(chain, version)
        except ssl.SSLError:  # OpenSSL does not send what it finds malformed; a forger's client would
            return self._connect_from_erlang(listener, version)
        return self.connect(context, listener=listener)[0]

    def connect(
        self, context: ssl.SSLContext, *, listener: str, session: ssl.SSLSession | None = None
    ) -> tuple[Judgement, ssl.SSLSession | None]:
        """Connect once; also returns the TLS session, which can be resumed with the same ``context``."""
        held = None
        got_in = False
        with socket.create_connection(("127.0.0.1", self._ports[listener]), timeout=_PATIENCE) as tcp:
            try:
                with context.wrap_socket(tcp, session=session) as tls:
                    got_in = tls.recv(3) == b"in\n"  # on TLS 1.3 a refusal comes only now
                    held = tls.session
            except (ssl.SSLError, ConnectionError):
                got_in = False
        return Judgement(**self._line(), client_got_in=got_in), held

    def context(self, chain: Sequence[Issued], version: str) -> ssl.SSLContext:
        """A client that sends exactly this chain.

        Raises:
            ssl.SSLError: OpenSSL does not want to send it.
        """
        self._client.write_bytes(b"".join([chain[0].pem, chain[0].key_pem, *(issued.pem for issued in chain[1:])]))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = _TLS[version]
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # or OpenSSL would not send a weak signature
        context.load_cert_chain(self._client)
        return context

    def _connect_from_erlang(self, listener: str, version: str) -> Judgement:
        commands = self._process.stdin
        assert commands is not None
        commands.write(f"{self._ports[listener]} {version} {self._client}\n".encode())
        commands.flush()
        fields: dict[str, Any] = {}
        for _ in range(2):  # the server's word and the client's, in either order
            fields |= self._line()
        return Judgement(**fields)

    def _line(self) -> dict[str, Any]:
        output = self._process.stdout
        assert output is not None
        while b"\n" not in self._rest:
            ready, _, _ = select.select([output], [], [], _PATIENCE)
            octets = output.read1() if ready else b""
            assert octets, f"the chain server is silent; it has said {self._rest!r} and {self._process.poll()}"
            self._rest += octets
        line, self._rest = self._rest.split(b"\n", 1)
        read: dict[str, Any] = json.loads(line)
        return read


@contextmanager
def start_chain_server(plugin: Path, rabbitmq: Installation, world: World, directory: Path) -> Iterator[ChainServer]:
    """Compile and run the server for this world's authorities."""
    options = _write_server(world, directory)
    subprocess.run(["erlc", "-I", SOURCES, "-o", directory, _SOURCE], check=True)
    libraries = [plugin / "ebin", directory, *sorted(rabbitmq.plugins.glob("*/ebin"))]
    command = ["erl", "-noshell", "-pa", *map(str, libraries), "-s", "chain_server", "main", "-extra", str(options)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory) as process:
        try:
            yield ChainServer(process, directory)
        finally:
            process.kill()


def _write_server(world: World, directory: Path) -> Path:
    """CAs, CRLs, signing policies, host certificate and the listeners' options, as ``advanced.config`` has them."""
    certificates, policies = directory / "certificates", directory / "signing_policy.config"
    _write_certificates(world, certificates)
    authorities = read_authorities(certificates, now=time.time())
    policies.write_text(signing_terms(authorities).text)
    (directory / "ca.pem").write_bytes(b"".join(ca.pem for ca in world.authorities))
    host = issue(name("CN=localhost"), None, USER_USAGE, key=rsa_key("host"))
    (directory / "host.pem").write_bytes(host.pem + host.key_pem)
    terms = []
    for listener, plugin_options in LISTENERS.items():
        verify = plugin_options.replace("CERTIFICATES", f'"{certificates}"').replace("TERMS", f'"{policies}"')
        options = [
            "{versions, ['tlsv1.3', 'tlsv1.2']}",
            "{verify, verify_peer}",
            "{fail_if_no_peer_cert, true}",
            "{depth, 20}",
            f'{{cacertfile, "{directory / "ca.pem"}"}}',
            f'{{certfile, "{directory / "host.pem"}"}}',
            f'{{keyfile, "{directory / "host.pem"}"}}',
            f"{{reuse_sessions, {str(listener == 'resuming').lower()}}}",
        ]
        if verify:
            options.append(f"{{verify_fun, {{rabbit_grid_proxy, verify, {verify}}}}}")
        terms.append(f'{{<<"{listener}">>, [{", ".join(options)}]}}.')
    file = directory / "listeners.config"
    file.write_text("\n".join(terms))
    return file


def _write_certificates(w: World, directory: Path) -> None:
    """A CA directory as the grid has it, in which some CAs have no CRL, or one that is worth nothing."""
    directory.mkdir()
    for ca in (*w.authorities, w.sub_ca, w.short_ca, w.revoked_ca):
        path = write_hashed(directory, ca.pem)
        if one_line(ca.subject) in POLICIES:
            path.with_suffix(".signing_policy").write_text(
                POLICY.format(one_line(ca.subject), POLICIES[one_line(ca.subject)])
            )
    for pem in (
        crl(w.ca, w.revoked, w.revoked_ca),
        crl(w.sub_ca),
        crl(w.revoked_ca),
        crl(w.late_crl_ca, w.revoked, until=YESTERDAY),
        crl(w.forged_crl_ca, key=w.ca.key),
        crl(w.partial_crl_ca, part=True),
    ):
        write_hashed(directory, pem)


def write_hashed(directory: Path, pem: bytes) -> Path:
    """Write a CA certificate or a CRL into a CA directory, under OpenSSL's hash of the CA's name."""
    kind, suffix = ("crl", "r0") if b"X509 CRL" in pem else ("x509", "0")
    hashed = subprocess.run(["openssl", kind, "-hash", "-noout"], input=pem, capture_output=True, check=True)
    path = directory / f"{hashed.stdout.decode().strip()}.{suffix}"
    path.write_bytes(pem)
    return path
