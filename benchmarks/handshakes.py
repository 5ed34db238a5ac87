"""What a connection costs a broker: CPU time of a TLS handshake with a proxy, and memory of an idle connection.

CPU time is what the broker's process used (/proc/PID/stat), not wall time, and each figure is the best of some rounds,
so that it tells the work and not the machine's other users. One real node has a listener for each row, so that all rows
are the same program with the same plugin. The client's own work is not counted.
"""

from __future__ import annotations

import os
import resource
import socket
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.broker import Broker, running_broker
from support.rawamqp import PROTOCOL_HEADER, connect_many, open_channel

from diracmq_cli.admin.authorities import read_authorities
from diracmq_cli.admin.signingterms import signing_terms
from diracmq_cli.devbroker import Role

TICK = os.sysconf("SC_CLK_TCK")
SMALL, LARGE = 100, 90_000
"""Revoked certificates; the large CRL has 3.2 MB, as the largest of the IGTF."""


@dataclass(frozen=True, slots=True)
class Row:
    """A listener, and how often a client connects to it in a round."""

    title: str
    host: Path
    verify: str = ""
    more: str = ""
    version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    times: int = 200


def main() -> None:
    """Print a table."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with running_broker() as broker, TemporaryDirectory(prefix="dirac-mq-bench-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        octets, resident = memory(broker, 500)
        print(f"idle connection with one channel: {octets / 1000:.0f} kB in Erlang, {resident / 1000:.0f} kB resident")
        print(f"{'full TLS handshake with a proxy (depth 1), then connection.start':<64} ms CPU   /core s")
        for row in rows(broker, directory):
            milliseconds = best(broker, row)
            print(f"{row.title:<64} {milliseconds:>6.2f}   {1000 / milliseconds:>8.0f}", flush=True)


def rows(broker: Broker, directory: Path) -> list[Row]:
    """Host keys, TLS versions, CRLs as the plugin and as Erlang's ssl look into them."""
    rsa = host(broker, directory, "rsa", "rsa:2048")
    ec = host(broker, directory, "ec", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    small, large = (ca_directory(broker, directory, count) for count in (SMALL, LARGE))
    policies = directory / "signing_policy.config"
    policies.write_text(signing_terms(read_authorities(broker.layout.certificates, now=time.time())).text)
    old = ssl.TLSVersion.TLSv1_2

    def own(path: Path) -> str:
        return f'{{crl, {{require, "{path}"}}}}'

    def erlangs(path: Path) -> str:  # a proxy has no CRL, and only best_effort forgives that
        return f'{{crl_check, best_effort}}, {{crl_cache, {{ssl_crl_hash_dir, {{internal, [{{dir, "{path}"}}]}}}}}},'

    return [
        Row("host key RSA 2048, TLS 1.3", rsa),
        Row("host key RSA 2048, TLS 1.2", rsa, version=old),
        Row("host key EC P-256, TLS 1.3", ec),
        Row("host key EC P-256, TLS 1.2", ec, version=old),
        Row("EC, TLS 1.3, signing policy", ec, verify=f'{{signing_policy, {{require, "{policies}"}}}}'),
        Row(f"EC, TLS 1.3, CRL of {SMALL}", ec, verify=own(small)),
        Row(f"EC, TLS 1.3, CRL of {LARGE} (3.2 MB)", ec, verify=own(large)),
        Row(f"EC, TLS 1.3, CRL of {SMALL}, Erlang's crl_check", ec, more=erlangs(small)),
        Row(f"EC, TLS 1.3, CRL of {LARGE} (3.2 MB), Erlang's crl_check", ec, more=erlangs(large), times=5),
    ]


def listen(broker: Broker, row: Row) -> int:
    """Start the row's listener in the node; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    broker.eval(
        f"""Options = rabbit_ssl_options:fix([{{versions, ['tlsv1.3', 'tlsv1.2']}}, {{verify, verify_peer}},
            {{fail_if_no_peer_cert, true}}, {{depth, 20}}, {{reuse_sessions, false}}, {row.more}
            {{cacertfile, "{broker.node.etc / "ca.pem"}"}}, {{certfile, "{row.host}"}}, {{keyfile, "{row.host}"}},
            {{verify_fun, {{rabbit_grid_proxy, verify, [{row.verify}]}}}}]),
        rabbit_networking:start_ssl_listener({{"127.0.0.1", {port}}}, Options, 10)"""
    )
    return port


def handshakes(broker: Broker, row: Row, port: int) -> float:
    """Milliseconds of the broker's CPU time for one of the row's handshakes."""
    context = broker.context(broker.layout.proxy(Role.USER))
    context.minimum_version = context.maximum_version = row.version
    before = cpu(broker)
    for _ in range(row.times):
        with (
            socket.create_connection(("localhost", port), 60) as tcp,
            context.wrap_socket(tcp, server_hostname="localhost") as tls,
        ):
            tls.sendall(PROTOCOL_HEADER)
            assert tls.recv(1) == b"\x01", "the broker did not answer"
    return (cpu(broker) - before) / row.times * 1000


def best(broker: Broker, row: Row) -> float:
    """The least of three rounds; the first, which loads code and CRL, is left out."""
    port = listen(broker, row)
    handshakes(broker, row, port)
    return min(handshakes(broker, row, port) for _ in range(3))


def cpu(broker: Broker) -> float:
    """Seconds of CPU time that the node has used."""
    fields = Path(f"/proc/{broker.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(broker: Broker, count: int) -> tuple[float, float]:
    """Octets of one idle connection with one channel: what Erlang has allocated, and the process' resident memory."""
    context = broker.context(broker.layout.proxy(Role.USER))
    warm = connect_many(broker.port, [context] * 20)
    before = used(broker)
    connections = connect_many(broker.port, [context] * count)
    for connection in connections:
        open_channel(connection)
    after = used(broker)
    for connection in warm + connections:
        connection.close()
    return (after[0] - before[0]) / count, (after[1] - before[1]) / count


def used(broker: Broker) -> tuple[int, int]:
    """Octets allocated in Erlang after a collection of garbage, and resident."""
    allocated = int(broker.eval("[garbage_collect(P) || P <- processes()], timer:sleep(1000), erlang:memory(total)"))
    status = Path(f"/proc/{broker.pid}/status").read_text()
    return allocated, int(status.split("VmRSS:")[1].split()[0]) * 1024


def host(broker: Broker, directory: Path, name: str, *newkey: str) -> Path:
    """A host certificate of the devbroker's CA, and its key, in one file that the broker can read."""
    ca, request, key, file = broker.layout.ca, directory / "req.pem", directory / "key.pem", directory / f"{name}.pem"
    subject = ["-subj", "/DC=org/DC=example/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    openssl("req", "-new", "-newkey", *newkey, "-nodes", "-keyout", key, "-out", request, *subject)
    signer = ["-CA", ca / "cert.pem", "-CAkey", ca / "key.pem", "-copy_extensions", "copy"]
    openssl("x509", "-req", "-in", request, *signer, "-days", "1", "-out", file)
    file.write_text(file.read_text() + key.read_text())
    file.chmod(0o644)
    return file


def ca_directory(broker: Broker, directory: Path, revoked: int) -> Path:
    """The devbroker's CA beside a CRL with so many serial numbers of 16 octets."""
    made = directory / f"certificates-{revoked}"
    made.mkdir(mode=0o755)
    original = next(broker.layout.certificates.glob("*.0"))
    (made / original.name).write_bytes(original.read_bytes())
    lines = (
        f"R\t491231235959Z\t261101000000Z\t{0x4A << 120 | n * 7919:032X}\tunknown\t/CN={n}\n" for n in range(revoked)
    )
    (made / "index.txt").write_text("".join(lines))
    (made / "crlnumber").write_text("01\n")
    (made / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=x\n[x]\ndatabase={made}/index.txt\ncrlnumber={made}/crlnumber\ndefault_md=sha256\n"
        f"certificate={broker.layout.ca}/cert.pem\nprivate_key={broker.layout.ca}/key.pem\n"
    )
    openssl("ca", "-gencrl", "-config", made / "ca.cnf", "-crldays", "7", "-out", made / f"{original.stem}.r0")
    return made


def openssl(*arguments: str | Path) -> None:
    """Run openssl."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    main()
