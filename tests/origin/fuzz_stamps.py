"""Coverage-guided fuzzing (atheris, libFuzzer) of everything that reads a stamp.

Run by ``test_fuzz.py``, or by hand: ``PYTHONPATH=tests python tests/origin/fuzz_stamps.py DIRECTORY -runs=100000``.
The first octet of an input chooses what the rest is given to. Whatever the bytes, there may be one kind of error; and
a message that is accepted must be the one that was signed.
"""

from __future__ import annotations

import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["diracmq_cli.core", "diracmq_cli.credentials", "diracmq_cli.origin"]):
    from diracmq_cli.core import envelope, fieldtable, jws, publication, stampfields, stamppayload
    from diracmq_cli.core.message import Delivery
    from diracmq_cli.core.model import OriginLevel
    from diracmq_cli.core.verdict import Verdict
    from diracmq_cli.credentials import SigningCredential, TrustStore, signingpolicy
    from diracmq_cli.errors import DataError, VerificationError
    from diracmq_cli.origin import Signer, Verifier

from support.chains import ec_key, proxy
from support.origin_world import (
    JANE,
    QUEUE,
    SERVICE,
    a_message,
    credential,
    delivered,
    der_of,
    make_world,
    sign,
    write_chain,
)
from support.tampering import HEADERS

DIRECTORY = Path(sys.argv.pop(1))
NOW = time.time()

world = make_world(DIRECTORY / "world")
leaf = proxy(world.jane, key=ec_key())
loaded: SigningCredential = credential(write_chain(DIRECTORY / "proxy", [leaf, world.jane]))
key = loaded.own_key()
original = delivered(sign(Signer(key), a_message(headers=dict(HEADERS), now=NOW)))
signed = stampfields.fields_to_sign(
    original.message,
    service=SERVICE,
    destination=QUEUE,
)
stamp = str(original.message.headers["dirac-stamp"])
header = stamp.split(".")[0].encode()
trust = TrustStore(world.ca_directory)
verifier = Verifier(trust, lambda: NOW)
outcomes: Counter[str] = Counter()
TOLD_EVERY = 5000


def verify(delivery: Delivery, *, login: bool = True) -> None:
    """What is accepted must be what was signed."""
    verdict = verifier.verify(delivery, services={SERVICE}, login=login)
    assert verdict == Verdict(level=OriginLevel.SIGNED, dn=JANE)
    assert stampfields.fields_to_sign(delivery.message, service=SERVICE, destination=signed.destination) == signed


def with_stamp(text: str) -> Delivery:
    return replace(
        original, message=replace(original.message, headers={**original.message.headers, "dirac-stamp": text})
    )


def as_stamp(data: bytes) -> None:
    verify(with_stamp(data.decode("latin-1")))


def as_header(data: bytes) -> None:
    verify(with_stamp(f"{jws.to_base64url(data).decode()}.{stamp.partition('.')[2]}"))


def as_payload(data: bytes) -> None:
    """The signer signs it, whatever it is."""
    payload = jws.to_base64url(data)
    verify(with_stamp(jws.join(header, payload, key.sign(hashlib.sha256(header + b"." + payload).digest()))))


def as_signature(data: bytes) -> None:
    verify(with_stamp(jws.join(header, stamp.split(".")[1].encode(), data)))


def as_chain(data: bytes) -> None:
    """Certificates, each behind its length."""
    chain = []
    while data and len(chain) < 13:
        size = int.from_bytes(data[:2])
        chain.append(data[2 : 2 + size])
        data = data[2 + size :]
    verified = trust.verify_chain(chain, now=NOW)
    assert verified.dn == JANE
    assert chain[-1] == der_of(world.jane)


def as_headers(data: bytes) -> None:
    """The header table that the message comes with, as AMQP carries it."""
    try:
        table, _ = fieldtable.decode_table(len(data).to_bytes(4) + data)
    except fieldtable.TableDefect as defect:
        raise DataError("no table") from defect
    changed = replace(original, message=replace(original.message, headers=table))
    publication.publication(changed)
    verify(changed)


def as_envelope(data: bytes) -> None:
    verify(envelope.decode_delivery(data), login=False)


def as_policy(data: bytes) -> None:
    try:
        signingpolicy.read_signing_policy(data.decode("utf-8", "surrogateescape")).allows(JANE, JANE)
    except signingpolicy.PolicyError as error:
        raise DataError("no policy") from error


TARGETS: tuple[Callable[[bytes], None], ...] = (
    as_stamp,
    as_header,
    as_payload,
    as_signature,
    as_chain,
    as_headers,
    as_envelope,
    as_policy,
)


def one_input(data: bytes) -> None:
    if not data:
        return
    target = TARGETS[data[0] % len(TARGETS)]
    try:
        target(data[1:])
        outcome = "accepted"
    except VerificationError as error:
        outcome = error.reason.value
    except DataError:
        outcome = "data-error"
        assert target in (as_envelope, as_headers, as_policy)
    outcomes[f"{target.__name__} {outcome}"] += 1
    if outcomes.total() % TOLD_EVERY == 0:  # libFuzzer ends the process without a word to Python
        (DIRECTORY / "outcomes").write_text("".join(f"{name} {count}\n" for name, count in sorted(outcomes.items())))


def seeds() -> None:
    """One good input for each target, to be mutated."""
    table = fieldtable.encode_table(original.message.headers)[4:]
    chain = b"".join(len(one).to_bytes(2) + one for one in (der_of(leaf), der_of(world.jane)))
    policy = next(world.files.directory.glob("*.signing_policy")).read_bytes()
    good = [
        stamp.encode(),
        jws.from_base64url(header),
        stamppayload.encode_payload(signed),
        jws.from_base64url(stamp.split(".")[2].encode()),
        chain,
        table,
        envelope.encode(original, Verdict(level=None)).encode(),
        policy,
    ]
    corpus = DIRECTORY / "corpus"
    corpus.mkdir()
    for number, data in enumerate(good):
        seed = bytes([number]) + data
        (corpus / f"seed{number}").write_bytes(seed)
        one_input(seed)
    assert sum(count for name, count in outcomes.items() if name.endswith(" accepted")) == len(TARGETS), outcomes


seeds()
atheris.Setup([*sys.argv, "-max_len=12000", "-timeout=20", "-rss_limit_mb=1500", str(DIRECTORY / "corpus")], one_input)
atheris.Fuzz()
