"""What the CA directory says, and how soon a reader that goes on running hears of it."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from support.chain_parts import CA_USAGE, LIMITED, a_ca, name, proxy_info
from support.chains import NOW, Issued, crl, issue, proxy, root, rsa_key
from support.origin_world import (
    JANE,
    SERVICE,
    OriginWorld,
    a_message,
    credential,
    delivered,
    der_of,
    make_world,
    sign,
    signer_of,
    write_chain,
)

from diracmq_cli.core.message import Delivery
from diracmq_cli.core.refusal import Refusal
from diracmq_cli.credentials import TrustStore
from diracmq_cli.errors import VerificationError
from diracmq_cli.origin import Signer, Verifier


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class CountingTrust(TrustStore):
    """A trust store that counts the chains it is asked about."""

    asked = 0

    def verify_chain(self, chain, *, now):  # type: ignore[no-untyped-def]
        self.asked += 1
        return super().verify_chain(chain, now=now)


@pytest.fixture
def world(tmp_path: Path) -> OriginWorld:
    """A world of its own, for these tests change it."""
    return make_world(tmp_path / "own")


def signed_by(world: OriginWorld, person: Issued, tmp_path: Path, message_id: str | None = None) -> Delivery:
    signer = signer_of(tmp_path, proxy(person), person, many=True)
    return delivered(sign(signer, a_message(signer.dn, message_id=message_id)))


def refusal(verifier: Verifier, delivery: Delivery) -> Refusal | None:
    try:
        verifier.verify(delivery, services={SERVICE})
    except VerificationError as error:
        return Refusal(error.reason)
    return None


def crl_file(world: OriginWorld) -> Path:
    """The CRL of the world's root."""
    files = world.files.directory.glob("*.r0")
    return next(file for file in files if x509.load_pem_x509_crl(file.read_bytes()).issuer == world.ca.subject)


def test_a_new_crl_is_seen_while_the_reader_runs(world: OriginWorld, tmp_path: Path) -> None:
    """A signer who is revoked is refused a second later, though his chain had been remembered as good."""
    clock = Clock()
    verifier = world.verifier(clock)
    file = crl_file(world)
    first, second = signed_by(world, world.jane, tmp_path), signed_by(world, world.jane, tmp_path)
    assert refusal(verifier, first) is None
    world.files.revoke(file.stem, world.ca, world.jane)

    clock.now += 0.5
    assert refusal(verifier, first) is None
    clock.now += 0.6
    assert refusal(verifier, first) is Refusal.REVOKED
    assert refusal(verifier, second) is Refusal.REVOKED


def test_a_crl_that_is_lifted_or_comes_late_is_seen_too(world: OriginWorld, tmp_path: Path) -> None:
    """A refusal is not remembered longer than the file that it rests on."""
    clock = Clock()
    verifier = world.verifier(clock)
    file = crl_file(world)
    kept = file.read_bytes()
    file.unlink()
    delivery = signed_by(world, world.jane, tmp_path)
    assert refusal(verifier, delivery) is Refusal.NO_CRL

    file.write_bytes(kept)
    clock.now += 1.1
    assert refusal(verifier, delivery) is None


def test_an_overdue_crl_ends_remembered_verdicts(world: OriginWorld, tmp_path: Path) -> None:
    """When the next CRL is due and has not come, nobody knows any more who is revoked."""
    clock = Clock()
    verifier = world.verifier(clock)
    delivery = signed_by(world, world.jane, tmp_path)
    assert refusal(verifier, delivery) is None

    clock.now += timedelta(days=366).total_seconds()
    assert refusal(verifier, delivery) is Refusal.CRL_EXPIRED


def test_one_chain_is_verified_once(world: OriginWorld, tmp_path: Path) -> None:
    """Of all messages of a run only the first costs a verification of its chain; a refusal is remembered likewise."""
    trust = CountingTrust(world.ca_directory)
    verifier = Verifier(trust, time.time)
    signer = signer_of(tmp_path, proxy(world.jane), world.jane, many=True)
    for number in range(50):
        verifier.verify(delivered(sign(signer, a_message(message_id=str(number)))), services={SERVICE})
    assert trust.asked == 1

    stranger = world.person(ca=root(name("CN=Unknown CA")))
    bad = signed_by(world, stranger, tmp_path)
    assert [refusal(verifier, bad) for _ in range(5)] == [Refusal.UNKNOWN_CA] * 5
    assert trust.asked == 2
    verifier.verify(delivered(sign(signer, a_message())), services={SERVICE})
    assert trust.asked == 2


def test_remembering_has_a_bound(world: OriginWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of chains pushes out the oldest ones and costs no memory."""
    monkeypatch.setattr("diracmq_cli.origin.verify._REMEMBERED", 3)
    trust = CountingTrust(world.ca_directory)
    verifier = Verifier(trust, time.time)
    deliveries = [signed_by(world, world.jane, tmp_path) for _ in range(4)]
    assert [refusal(verifier, delivery) for delivery in deliveries] == [None] * 4
    assert refusal(verifier, deliveries[-1]) is None
    assert trust.asked == 4
    assert refusal(verifier, deliveries[0]) is None
    assert trust.asked == 5


def test_of_two_cas_of_one_name_the_right_one_is_found(world: OriginWorld, tmp_path: Path) -> None:
    """A CA that has renewed its key lies there twice, as ``.0`` and ``.1``, each with a CRL."""
    file = crl_file(world)
    renewed = root(world.ca.subject, key=rsa_key("renewed"))
    (world.files.directory / f"{file.stem}.1").write_bytes(renewed.pem)
    (world.files.directory / f"{file.stem}.r1").write_bytes(crl(renewed))
    person = world.person(ca=renewed)

    assert refusal(world.verifier(), signed_by(world, person, tmp_path)) is None
    assert refusal(world.verifier(), signed_by(world, world.jane, tmp_path)) is None


def test_der_files_are_read_too(world: OriginWorld, tmp_path: Path) -> None:
    """Some directories hold CRLs and certificates as DER."""
    file = crl_file(world)
    file.write_bytes(x509.load_pem_x509_crl(file.read_bytes()).public_bytes(Encoding.DER))
    (world.files.directory / f"{file.stem}.0").write_bytes(der_of(world.ca))

    assert refusal(world.verifier(), signed_by(world, world.jane, tmp_path)) is None


def test_revoked_sub_ca(world: OriginWorld, tmp_path: Path) -> None:
    """Whoever was certified by a CA that has been revoked is refused."""
    person = world.person(ca=world.sub_ca)
    delivery = signed_by(world, person, tmp_path)
    assert refusal(world.verifier(), delivery) is None
    file = crl_file(world)
    world.files.revoke(file.stem, world.ca, world.sub_ca)

    assert refusal(world.verifier(), delivery) is Refusal.REVOKED


def test_sub_ca_outside_the_roots_policy(world: OriginWorld, tmp_path: Path) -> None:
    """A signing policy binds the names of CAs below as well as those of people."""
    sub_ca = issue(name("DC=net", "CN=Foreign CA"), world.ca, a_ca(), CA_USAGE)
    world.files.trust(sub_ca)

    person = world.person(ca=sub_ca)
    assert refusal(world.verifier(), signed_by(world, person, tmp_path)) is Refusal.SIGNING_POLICY


@pytest.mark.parametrize("damage", ["noise", "a directory", "no permission", "a pipe"])
def test_broken_directory_is_a_refusal(damage: str, world: OriginWorld, tmp_path: Path) -> None:
    """Whatever lies in the directory, the reader neither hangs nor crashes, and believes nobody by it."""
    file = crl_file(world)
    policy = world.files.directory / f"{file.stem}.signing_policy"
    policy.unlink()
    match damage:
        case "noise":
            policy.write_bytes(b"\xff noise")
        case "a directory":
            policy.mkdir()
        case "a pipe":
            os.mkfifo(policy)
        case _:
            policy.symlink_to("/proc/1/mem")

    assert refusal(world.verifier(), signed_by(world, world.jane, tmp_path)) is Refusal.CA_DIRECTORY


def test_no_directory_at_all(world: OriginWorld, tmp_path: Path) -> None:
    """A reader without CAs believes nobody."""
    verifier = Verifier(TrustStore(str(tmp_path / "nothing")), time.time)

    assert refusal(verifier, signed_by(world, world.jane, tmp_path)) is Refusal.UNKNOWN_CA


def test_signed_when_the_proxy_lived_is_believed_later(world: OriginWorld, tmp_path: Path) -> None:
    """A message outlives the proxy that signed it: what counts is when it was signed, up to the age allowed."""
    then = (NOW - timedelta(days=2, hours=12)).timestamp()
    jane = world.person(life=(NOW - timedelta(days=9), NOW + timedelta(days=9)))
    brief = proxy(jane, life=(NOW - timedelta(days=3), NOW - timedelta(days=2)))
    file = write_chain(tmp_path / "brief", [brief, jane])
    signer = Signer.of(credential(file, now=then), many=False, now=then)
    delivery = delivered(sign(signer, a_message(now=then)))

    assert refusal(world.verifier(), delivery) is None
    with pytest.raises(VerificationError) as caught:
        world.verifier().verify(delivery, services={SERVICE}, max_age=86400.0)
    assert caught.value.reason is Refusal.TOO_OLD


def test_limited_is_told(world: OriginWorld) -> None:
    """A reader can tell a limited proxy's signature."""
    trust = TrustStore(world.ca_directory)
    leaf = proxy(world.jane, info=proxy_info(LIMITED))
    verified = trust.verify_chain([der_of(leaf), der_of(world.jane)], now=time.time())

    assert (verified.dn, verified.limited, verified.depth) == (JANE, True, 1)
