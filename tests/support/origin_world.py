"""People, CAs and readers for tests of signed stamps: a CA directory as grids have it, credentials of every kind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from support.chain_parts import CA_USAGE, USER_USAGE, a_ca, name, one_line
from support.chains import NEXT_YEAR, NOW, Issued, Key, crl, issue, root, rsa_key
from support.proxies import Holder, write_private

from diracmq_cli.core.address import Address, Kind
from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.core.message import Delivery, Message, Properties
from diracmq_cli.core.stamp import Sender, stamp
from diracmq_cli.core.values import Table
from diracmq_cli.credentials import CredentialFiles, SigningCredential, TrustStore, read_identity
from diracmq_cli.origin import Signer, Verifier

SERVICE = "dev"
QUEUE = Address(SERVICE, Kind.QUEUE, "demo.jobs")
EVENTS = Address(SERVICE, Kind.EXCHANGE, "demo.events")
JANE = "/DC=org/DC=example/CN=Jane Doe"
POLICY = """\
access_id_CA   X509    '{ca}'
pos_rights     globus  CA:sign
cond_subjects  globus  '{subjects}'
"""


@dataclass(frozen=True)
class CaFiles:
    """A hashed CA directory that tests may change."""

    directory: Path

    def trust(self, ca: Issued, *revoked: Issued, subjects: str | None = '"/DC=org/DC=example/*"') -> str:
        """Put a CA, its CRL and its signing policy (None: none) there; returns its hash."""
        file = self.directory / "ca.pem"
        file.write_bytes(ca.pem)
        command = ["openssl", "x509", "-in", str(file), "-noout", "-subject_hash"]
        name_hash = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        file.rename(self.directory / f"{name_hash}.0")
        self.revoke(name_hash, ca, *revoked)
        if subjects is not None:
            text = POLICY.format(ca=one_line(ca.subject), subjects=subjects)
            (self.directory / f"{name_hash}.signing_policy").write_text(text)
        return name_hash

    def revoke(self, name_hash: str, ca: Issued, *revoked: Issued) -> None:
        """Write the CA's CRL as fetch-crl does: a new file in the place of the old."""
        scratch = self.directory / "crl.new"
        scratch.write_bytes(crl(ca, *revoked))
        scratch.replace(self.directory / f"{name_hash}.r0")


@dataclass(frozen=True)
class OriginWorld:
    """A CA, a sub-CA and Jane, with the directory of a reader that trusts them."""

    directory: Path
    files: CaFiles
    ca: Issued
    sub_ca: Issued
    jane: Issued

    @property
    def ca_directory(self) -> str:
        return str(self.files.directory)

    def person(
        self, *, key: Key | None = None, ca: Issued | None = None, cn: str = "Jane Doe", **more: object
    ) -> Issued:
        return issue(name("DC=org", "DC=example", f"CN={cn}"), ca or self.ca, USER_USAGE, key=key, **more)  # type: ignore[arg-type]

    def verifier(self, clock: object = time.time) -> Verifier:
        return Verifier(TrustStore(self.ca_directory), clock)  # type: ignore[arg-type]


def make_world(directory: Path) -> OriginWorld:
    """Write the CA directory of a new world."""
    certificates = directory / "certificates"
    certificates.mkdir(parents=True)
    files = CaFiles(certificates)
    life = (NOW - timedelta(days=30), NEXT_YEAR)
    ca = root(name("DC=org", "DC=example", "CN=Grid CA"), key=rsa_key("ca"), life=life)
    sub_ca = issue(name("DC=org", "DC=example", "CN=Issuing CA"), ca, a_ca(), CA_USAGE, life=life)
    files.trust(ca)
    files.trust(sub_ca)
    jane = issue(name("DC=org", "DC=example", "CN=Jane Doe"), ca, USER_USAGE, key=rsa_key("jane"))
    return OriginWorld(directory, files, ca, sub_ca, jane)


def write_holder(directory: Path, person: Issued, label: str = "user") -> Holder:
    """A certificate and its key as files, for tools that make proxies."""
    certificate = directory / f"{label}.cert.pem"
    certificate.write_bytes(person.pem)
    return Holder(certificate, write_private(directory / f"{label}.key.pem", person.key_pem))


def write_chain(file: Path, chain: Sequence[Issued]) -> Path:
    """A proxy file: certificate, key, the rest of the chain."""
    return write_private(file, chain[0].pem + chain[0].key_pem + b"".join(one.pem for one in chain[1:]))


def credential(certificate: Path, key: Path | None = None, *, now: float | None = None) -> SigningCredential:
    """The credential in a file (or two), read as a command reads it."""
    kind = CredentialKind.PROXY if key is None else CredentialKind.USER_CERTIFICATE
    files = CredentialFiles(str(certificate), str(key or certificate), kind)
    return SigningCredential(read_identity(files, now=time.time() if now is None else now))


def signer_of(directory: Path, *chain: Issued, many: bool = False) -> Signer:
    """A signer with this chain, its first certificate's key being the one that signs."""
    file = write_chain(directory / "signer.pem", chain)
    file.rename(directory / "used.pem")
    return Signer.of(credential(directory / "used.pem"), many=many, now=time.time())


def a_message(
    dn: str = JANE,
    *,
    body: bytes = b"payload started",
    headers: Table | None = None,
    now: float | None = None,
    **more: object,
) -> Message:
    """A message as ``send`` stamps it."""
    sender = Sender(login=dn, dn=dn, app_id="dirac-mq/0", host="wn17.example.org", ip="192.0.2.7", pilot="p1")
    properties: dict[str, object] = {"content_type": "text/plain", "type": "status", **more}
    message = Message(body=body, properties=Properties(**properties), headers=headers or {}, routing_key="job.done")  # type: ignore[arg-type]
    moment = int(time.time() if now is None else now)
    return stamp(message, sender, message_id="0193f1c2-7a10-7000-8000-0000000000aa", now=moment)


def sign(signer: Signer, message: Message, destination: Address = QUEUE) -> Message:
    return signer.sign(message, service=SERVICE, destination=destination)


def delivered(message: Message, *, queue: str = "demo.jobs", exchange: str = "demo.jobs.x") -> Delivery:
    """The message as a consumer of that queue gets it."""
    return Delivery(message=message, service=SERVICE, queue=queue, exchange=exchange, delivery_tag=1)


def der_of(person: Issued) -> bytes:
    return person.certificate.public_bytes(serialization.Encoding.DER)
