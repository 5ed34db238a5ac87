"""What a signature costs: microseconds to sign and to verify, and octets on the wire. No broker is needed.

Each figure is the best of five rounds, so that it tells the work and not the machine's other users.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.properties import encode_properties
from diracmq_cli.core.stamp import Sender, stamp
from diracmq_cli.credentials import CredentialFiles, SigningCredential, TrustStore, read_identity
from diracmq_cli.devbroker import Layout, Role, pki
from diracmq_cli.devbroker.roles import PEOPLE
from diracmq_cli.origin import Signer, Verifier

QUEUE = Address("dev", Kind.QUEUE, "demo.jobs")
DN = PEOPLE[Role.USER].dn
BODY = b"2026-11-24T01:58:03Z INFO [job 42] payload started on wn17.example.org, 8 cores, 16 GB\n"


def best(work: Callable[[], object], times: int) -> float:
    """Microseconds of one call, the first one left out."""
    work()
    rounds = []
    for _ in range(5):
        begin = time.perf_counter()
        for _ in range(times):
            work()
        rounds.append((time.perf_counter() - begin) / times)
    return min(rounds) * 1e6


def once(work: Callable[[], object]) -> float:
    """Microseconds of one call."""
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e6


def message() -> Message:
    """A log line as a pilot sends it."""
    sender = Sender(
        login=DN,
        dn=DN,
        app_id="dirac-mq/0.1.0",
        host="wn17.example.org",
        ip="192.0.2.17",
        group="dirac_pilot",
        vo="example",
        site="LCG.Example.org",
        pilot="8a3f0c6f1d2e4b7a9c5d6e7f80912345",
        job="42",
    )
    plain = Message(body=BODY, properties=Properties(content_type="text/plain"))
    return stamp(plain, sender, message_id="0193f1c2-7a10-7000-8000-0000000000aa", now=int(time.time()))


def octets(measured: Message) -> int:
    """Octets of properties, headers and body on the wire."""
    return len(encode_properties(measured.properties, measured.headers)) + len(measured.body)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch:
        layout = Layout(Path(scratch))
        pki.create(layout)
        pki.renew(layout)
        proxy = str(layout.proxy(Role.USER))
        credential = SigningCredential(
            read_identity(CredentialFiles(proxy, proxy, CredentialKind.PROXY), now=time.time())
        )
        plain = message()
        print(f"{'':26}{'sign':>9}{'verify':>9}{'first':>9}{'octets':>9}")
        print(f"{'unsigned (stamp only)':26}{best(message, 5000):9.1f}{'-':>9}{'-':>9}{octets(plain):9}")
        for title, many in (("the proxy's own RSA key", False), ("session key on P-256", True)):
            signer = Signer.of(credential, many=many, now=time.time())
            verifier = Verifier(TrustStore(str(layout.certificates)), time.time)

            def sign(by: Signer = signer) -> Message:
                return by.sign(plain, service="dev", destination=QUEUE)

            signed = sign()
            delivery = Delivery(
                message=signed, service="dev", queue="demo.jobs", exchange="demo.jobs.x", delivery_tag=1
            )

            def verify(by: Verifier = verifier, what: Delivery = delivery) -> object:
                return by.verify(what, services={"dev"})

            first = once(verify)
            row = (best(sign, 3000 if many else 300), best(verify, 3000), first)
            print(f"{title:26}" + "".join(f"{figure:9.1f}" for figure in row) + f"{octets(signed):9}")


if __name__ == "__main__":
    main()
