"""Signed by whatever grids have, a message is believed by a reader that holds a CA directory and nothing else."""

from __future__ import annotations

import hashlib
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from support.chain_parts import INHERIT_ALL, LIMITED, PROXY_CERT_INFO, proxy_info
from support.chains import Issued, ec_key, proxies, proxy, rsa_key
from support.jose import verified_by_joserfc
from support.origin_world import (
    EVENTS,
    JANE,
    QUEUE,
    SERVICE,
    OriginWorld,
    a_message,
    credential,
    delivered,
    sign,
    signer_of,
    write_chain,
    write_holder,
)
from support.proxies import Holder, by_dirac, by_globus, by_openssl, private_pem, write_private

from diracmq_cli.core.identity import CredentialKind
from diracmq_cli.core.message import Message
from diracmq_cli.core.model import OriginLevel
from diracmq_cli.core.stamp import STAMP_HEADER
from diracmq_cli.core.verdict import Verdict
from diracmq_cli.credentials import AskOnce, CredentialFiles, SigningCredential, read_identity
from diracmq_cli.errors import CredentialError, DataError
from diracmq_cli.origin import Signer

TOOLS = {"globus": by_globus, "openssl": by_openssl, "dirac": by_dirac}
SIGNED = Verdict(level=OriginLevel.SIGNED, dn=JANE)


def believed(message: Message, world: OriginWorld) -> Verdict:
    """What a reader that has never heard of the signer says of it."""
    return world.verifier().verify(delivered(message), services={SERVICE})


def check_independently(message: Message, world: OriginWorld, scratch: Path) -> list[x509.Certificate]:
    """joserfc verifies the signature, ``openssl verify`` the chain; the payload says what the message says."""
    header, payload, chain = verified_by_joserfc(str(message.headers[STAMP_HEADER]))
    assert header["typ"] == "dirac-stamp"
    assert payload["id"] == message.properties.message_id
    assert payload["dn"] == message.headers["dirac-dn"] == JANE
    assert payload["body_sha256"] == _base64(hashlib.sha256(message.body).digest())
    leaf, rest = scratch / "leaf.pem", scratch / "rest.pem"
    leaf.write_bytes(chain[0].public_bytes(Encoding.PEM))
    rest.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain[1:]))
    command = ["openssl", "verify", "-allow_proxy_certs", "-CApath", world.ca_directory, "-no-CAfile", "-no-CAstore"]
    command += ["-untrusted", str(rest)] if len(chain) > 1 else []
    done = subprocess.run([*command, str(leaf)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return chain


def _base64(octets: bytes) -> str:
    import base64

    return base64.b64encode(octets).decode()


@pytest.fixture(scope="module")
def ladders(world: OriginWorld, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """For each tool, proxies of one, two and three levels, each made of the one before."""
    directory = tmp_path_factory.mktemp("ladders")
    user = write_holder(directory, world.jane)
    made: dict[str, list[Path]] = {}
    for tool, make in TOOLS.items():
        holder = user
        for level in (1, 2, 3):
            made.setdefault(tool, []).append(make(holder, directory / f"{tool}.{level}"))
            holder = Holder.of_proxy(made[tool][-1])
    return made


@pytest.mark.parametrize("many", [False, True], ids=["own key", "session key"])
@pytest.mark.parametrize("level", [1, 2, 3])
@pytest.mark.parametrize("tool", TOOLS)
def test_proxies_of_three_tools(
    tool: str, level: int, many: bool, ladders: dict[str, list[Path]], world: OriginWorld, tmp_path: Path
) -> None:
    """Proxies of Globus, OpenSSL and DIRAC, one to three levels deep, sign with their own key and with a session's."""
    signer = Signer.of(credential(ladders[tool][level - 1]), many=many, now=time.time())
    message = sign(signer, a_message())

    assert believed(message, world) == SIGNED
    assert len(check_independently(message, world, tmp_path)) == level + 1 + many


@pytest.mark.parametrize("many", [False, True], ids=["own key", "session key"])
def test_user_certificate(many: bool, world: OriginWorld, tmp_path: Path) -> None:
    """A certificate and its key in two files sign as a proxy does."""
    holder = write_holder(tmp_path, world.jane)
    signer = Signer.of(credential(holder.certificate, holder.key), many=many, now=time.time())
    message = sign(signer, a_message(), EVENTS)

    assert world.verifier().verify(delivered(message, exchange="demo.events"), services={SERVICE}) == SIGNED
    check_independently(message, world, tmp_path)


KEYS = {
    "RSA 2048": lambda: rsa_key("a"),
    "RSA 3072": lambda: rsa.generate_private_key(65537, 3072),
    "P-256": ec_key,
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
}


@pytest.mark.parametrize("many", [False, True], ids=["own key", "session key"])
@pytest.mark.parametrize("below", KEYS)
@pytest.mark.parametrize("above", KEYS)
def test_keys_of_every_kind(above: str, below: str, many: bool, world: OriginWorld, tmp_path: Path) -> None:
    """A user with any key and a proxy with any key; what cannot sign as RS256 or ES256 still signs a session's."""
    user = world.person(key=KEYS[above]())
    chain = [proxy(user, key=KEYS[below]()), user]
    if below in ("P-384", "P-521") and not many:
        with pytest.raises(CredentialError, match="neither RSA nor on the curve P-256"):
            signer_of(tmp_path, *chain)
        return
    message = sign(signer_of(tmp_path, *chain, many=many), a_message())

    assert believed(message, world) == SIGNED
    check_independently(message, world, tmp_path)
    algorithm = verified_by_joserfc(str(message.headers[STAMP_HEADER]))[0]["alg"]
    assert algorithm == ("RS256" if below.startswith("RSA") and not many else "ES256")


def test_user_of_a_sub_ca(world: OriginWorld, tmp_path: Path) -> None:
    """The authorities between user and root come from the reader's directory, not from the stamp."""
    user = world.person(ca=world.sub_ca)
    message = sign(signer_of(tmp_path, proxy(user), user), a_message())

    assert believed(message, world) == SIGNED
    assert len(check_independently(message, world, tmp_path)) == 2


def test_authorities_in_the_proxy_file_stay_out_of_the_stamp(world: OriginWorld, tmp_path: Path) -> None:
    """A proxy file may go on to the root; the stamp's chain ends at the end entity."""
    user = world.person(ca=world.sub_ca)
    file = write_chain(tmp_path / "proxy", [proxy(user), user, world.sub_ca, world.ca])
    message = sign(Signer.of(credential(file), many=False, now=time.time()), a_message())

    assert believed(message, world) == SIGNED
    assert len(verified_by_joserfc(str(message.headers[STAMP_HEADER]))[2]) == 2


# ---- session keys ----------------------------------------------------------------------------------------------------


def session_of(chain: list[Issued], tmp_path: Path) -> list[x509.Certificate]:
    """The chain that a run signs with."""
    signer = signer_of(tmp_path, *chain, many=True)
    return verified_by_joserfc(str(sign(signer, a_message(signer.dn)).headers[STAMP_HEADER]))[2]


@pytest.mark.parametrize(("policy", "expected"), [(INHERIT_ALL, INHERIT_ALL), (LIMITED, LIMITED)])
def test_session_proxy_is_no_more_than_its_parent(
    policy: str, expected: str, world: OriginWorld, tmp_path: Path
) -> None:
    """It ends when the parent does, is limited if that is, has a fresh P-256 key, and nothing can be made from it."""
    parent = proxy(world.jane, info=proxy_info(policy))
    session, above, end_entity = session_of([parent, world.jane], tmp_path)
    again, *_ = session_of([parent, world.jane], tmp_path)

    assert (above, end_entity) == (parent.certificate, world.jane.certificate)
    assert session.not_valid_after_utc == parent.certificate.not_valid_after_utc
    assert session.not_valid_before_utc >= parent.certificate.not_valid_before_utc
    assert isinstance(session.public_key().curve, ec.SECP256R1)  # type: ignore[union-attr]
    assert session.public_key() != again.public_key()
    assert session.serial_number != again.serial_number
    info = session.extensions.get_extension_for_oid(x509.ObjectIdentifier(PROXY_CERT_INFO))
    assert info.critical
    assert (info.value.value, True) == (proxy_info(expected, path_length=b"\x00")[0].value, info.critical)
    usage = session.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign


def test_name_of_a_session_proxy_keeps_every_octet(world: OriginWorld, tmp_path: Path) -> None:
    """The subject is its issuer's, in the same string types, and one CN more."""
    person = world.person(cn="Jürgen Ünal")
    session, above, _ = session_of([proxy(person), person], tmp_path)

    assert session.issuer.public_bytes() == above.subject.public_bytes()
    assert x509.Name(session.subject.rdns[:-1]).public_bytes() == above.subject.public_bytes()


@pytest.mark.parametrize(
    "chain",
    [
        lambda w: [proxy(w.jane, info=proxy_info(path_length=b"\x00"), key=rsa_key("p")), w.jane],
        lambda w: [*proxies(w.jane, 10), w.jane],
    ],
    ids=["path length 0", "ten levels"],
)
def test_where_no_proxy_may_follow_the_own_key_signs(chain, world: OriginWorld, tmp_path: Path) -> None:
    """A path length that is used up costs speed, not the signature."""
    made = chain(world)
    message = sign(signer_of(tmp_path, *made, many=True), a_message())

    assert believed(message, world) == SIGNED
    assert len(check_independently(message, world, tmp_path)) == len(made)


# ---- what cannot sign ------------------------------------------------------------------------------------------------


def test_encrypted_key_asks_once(world: OriginWorld, tmp_path: Path) -> None:
    """The passphrase that was typed for the log-in signs, too; without a terminal there is a refusal."""
    user = write_holder(tmp_path, world.jane)
    key = write_private(tmp_path / "encrypted.pem", private_pem(world.jane.key, b"open sesame"))  # type: ignore[arg-type]
    asked: list[str] = []
    ask = AskOnce(lambda prompt: asked.append(prompt) or "open sesame")
    files = CredentialFiles(str(user.certificate), str(key), CredentialKind.USER_CERTIFICATE)
    identity = read_identity(files, now=time.time(), passphrase=ask)

    message = sign(Signer.of(SigningCredential(identity, ask), many=True, now=time.time()), a_message())

    assert believed(message, world) == SIGNED
    assert len(asked) == 1
    with pytest.raises(CredentialError, match="no terminal"):
        SigningCredential(identity)


@pytest.mark.parametrize("weak", ["user", "proxy"])
def test_weak_key_is_refused_before_anything_is_signed(weak: str, world: OriginWorld, tmp_path: Path) -> None:
    """No reader would believe an RSA key of 1024 bits, so nobody signs with one."""
    key = rsa.generate_private_key(65537, 1024)
    user = world.person(key=key if weak == "user" else None)
    file = write_chain(tmp_path / "proxy", [proxy(user, key=key if weak == "proxy" else None), user])

    with pytest.raises(CredentialError, match="RSA key of 1024 bits"):
        credential(file)


def test_credential_that_changed_hands_between_is_refused(world: OriginWorld, tmp_path: Path) -> None:
    """What was checked for one person is not used for another."""
    file = write_chain(tmp_path / "proxy", [proxy(world.jane), world.jane])
    kind = CredentialKind.PROXY
    identity = read_identity(CredentialFiles(str(file), str(file), kind), now=time.time())
    other = world.person(cn="John Roe")
    write_chain(file, [proxy(other), other])

    with pytest.raises(CredentialError, match="is now /DC=org/DC=example/CN=John Roe's"):
        SigningCredential(identity)


def test_nothing_is_signed_for_a_time_outside_the_credential(world: OriginWorld, tmp_path: Path) -> None:
    """A message stamped after the proxy has ended is not signed, since nobody would believe it."""
    signer = signer_of(tmp_path, proxy(world.jane), world.jane)

    assert signer.not_after == proxy(world.jane).certificate.not_valid_after_utc.timestamp()
    with pytest.raises(CredentialError, match="not valid then"):
        sign(signer, a_message(now=signer.not_after + 1))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (a_message("/DC=org/DC=example/CN=John Roe"), "cannot be signed by"),
        (Message(body=b""), "does not name its sender"),
        (a_message(headers={"big": "x" * 80_000}), "too large to be signed"),
    ],
    ids=["another's", "anonymous", "huge headers"],
)
def test_messages_that_cannot_be_signed(message: Message, reason: str, world: OriginWorld, tmp_path: Path) -> None:
    """Nobody signs for somebody else, or for nobody."""
    signer = signer_of(tmp_path, proxy(world.jane), world.jane)

    with pytest.raises(DataError, match=reason):
        signer.sign(message, service=SERVICE, destination=QUEUE)


def test_the_message_itself_stays_as_it_was(world: OriginWorld, tmp_path: Path) -> None:
    """Signing adds one header and changes nothing else."""
    before = a_message(headers={"n": 1})
    after = sign(signer_of(tmp_path, proxy(world.jane), world.jane), before)

    assert STAMP_HEADER not in before.headers
    assert {name: value for name, value in after.headers.items() if name != STAMP_HEADER} == before.headers
    assert (after.body, after.properties, after.routing_key) == (before.body, before.properties, before.routing_key)
