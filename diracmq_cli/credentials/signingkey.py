"""The private key of our own credential, to sign messages with, or to delegate a session key that signs them faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from diracmq_cli.core.jws import Algorithm
from diracmq_cli.credentials import certificate as x509
from diracmq_cli.credentials import crypto, pem
from diracmq_cli.credentials.crypto import CryptoError
from diracmq_cli.credentials.delegation import delegate
from diracmq_cli.credentials.der import DerError
from diracmq_cli.credentials.files import read_file
from diracmq_cli.credentials.passphrase import Passphrase, obtain
from diracmq_cli.credentials.rfc3820 import MAX_PROXIES, PROXY_CERT_INFO
from diracmq_cli.credentials.signerchain import SignerChain, read_signer_chain
from diracmq_cli.credentials.strength import KeyType
from diracmq_cli.credentials.translate import openssl_errors
from diracmq_cli.credentials.verifykey import HALF
from diracmq_cli.errors import CredentialError, VerificationError

if TYPE_CHECKING:
    from M2Crypto import EC, EVP

    from diracmq_cli.core.identity import Identity

_HINT = "make a new proxy with a key of at least 2048 bits: dirac-proxy-init"

_ALLOWANCE = 300.0
"""Seconds by which a session proxy's life begins early, for messages that were stamped just before it was made."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs messages: ``chain`` is DER, the signer's first, the end entity's last; the times bound its life.

    ``sign`` makes a signature of ``algorithm`` over a SHA-256 digest.
    """

    dn: str
    algorithm: Algorithm
    chain: tuple[bytes, ...] = field(repr=False)
    not_before: float
    not_after: float
    sign: Callable[[bytes], bytes] = field(repr=False)


class SigningCredential:
    """A credential whose key has been loaded."""

    def __init__(self, identity: Identity, passphrase: Passphrase | None = None) -> None:
        """Load the key of a credential that has been read and checked.

        Args:
            identity: whose; its files are read again.
            passphrase: asks for the passphrase of an encrypted key; None where there is no terminal.

        Raises:
            CredentialError: the files have changed under us, there is nobody to ask, or no reader would believe this
                credential: a weak key or digest.
        """
        self._identity = identity
        file = read_file(identity.certificate_file, identity.kind, _HINT)
        self._chain = self._read_chain(file.octets)
        if identity.key_file != identity.certificate_file:
            file = read_file(identity.key_file, f"key of {identity.dn}", _HINT)
        block = pem.private_key(file.octets)
        if block is None:
            raise self._refuse("holds no private key any more")
        typed = obtain(identity.key_file, identity.dn, passphrase).encode() if block.encrypted else None
        try:
            if crypto.public_key_of(block.octets, typed) != crypto.public_key(self._chain.path.leaf.octets):
                raise self._refuse("has changed: its key and certificate do not fit")
            self._load(block.octets, typed)
        except CryptoError as error:
            raise self._refuse(f"cannot sign: its key {error}") from error

    def own_key(self) -> SigningKey:
        """The credential's own key.

        Raises:
            CredentialError: stamps know no algorithm for it (such as an EC key that is not on P-256).
        """
        if self._sign is None:
            raise self._refuse("cannot sign: its key is neither RSA nor on the curve P-256")
        kind = self._chain.key.type
        return self._key(Algorithm.RS256 if kind is KeyType.RSA else Algorithm.ES256, (), self._sign, 0.0)

    def session_key(self, *, now: float) -> SigningKey | None:
        """A new key on P-256 with a proxy of this credential for it; None where the path length forbids one.

        The proxy lives as long as the credential, and is limited if that is. ``now`` is seconds since the epoch.

        Raises:
            CredentialError: OpenSSL cannot make it.
        """
        path = self._chain.path
        if path.path_length == 0 or len(path.proxies) == MAX_PROXIES:
            return None
        not_before, not_after = self._life
        not_before = max(not_before, now - _ALLOWANCE)
        try:
            proxy, key = delegate(
                path.leaf.octets, self._pkey, limited=path.limited, not_before=not_before, not_after=not_after
            )
        except CryptoError as error:
            raise self._refuse(str(error)) from error
        return self._key(Algorithm.ES256, (proxy,), _p256_signer(key), not_before)

    def _key(
        self, algorithm: Algorithm, session: tuple[bytes, ...], sign: Callable[[bytes], bytes], not_before: float
    ) -> SigningKey:
        begin, end = self._life
        return SigningKey(
            dn=self._chain.dn,
            algorithm=algorithm,
            chain=(*session, *(certificate.octets for certificate in self._chain.certificates)),
            not_before=max(begin, not_before),
            not_after=end,
            sign=sign,
        )

    @property
    def _life(self) -> tuple[float, float]:
        certificates = self._chain.certificates
        return max(one.not_before for one in certificates), min(one.not_after for one in certificates)

    def _read_chain(self, octets: bytes) -> SignerChain:
        try:
            certificates = [x509.parse(block) for block in pem.certificates(octets)]
            depth = next(n for n, one in enumerate(certificates, 1) if PROXY_CERT_INFO not in one.extensions)
            chain = read_signer_chain([one.octets for one in certificates[:depth]])
        except VerificationError as error:
            raise self._refuse(f"would not be believed by any reader: {error}") from error
        except (pem.PemError, DerError, StopIteration) as error:
            raise self._refuse("has changed and cannot be read any more") from error
        if chain.dn != self._identity.dn:
            raise self._refuse(f"has changed and is now {chain.dn}'s")
        return chain

    def _load(self, block: bytes, passphrase: bytes | None) -> None:
        from M2Crypto import EC, EVP, RSA

        def answer(_verify: int) -> bytes:
            return passphrase or b""

        self._sign: Callable[[bytes], bytes] | None = None
        with openssl_errors("cannot be read"):
            self._pkey: EVP.PKey = EVP.load_key_string(block, answer)
            match self._chain.key.type:
                case KeyType.RSA:
                    self._sign = RSA.load_key_string(block, answer).sign
                case KeyType.P256:
                    self._sign = _p256_signer(EC.load_key_string(block.decode("ascii"), answer))
                case _:
                    self._sign = None

    def _refuse(self, fault: str) -> CredentialError:
        identity = self._identity
        return CredentialError(f"{identity.kind} {identity.certificate_file} of {identity.dn} {fault}", hint=_HINT)


def _p256_signer(key: EC.EC) -> Callable[[bytes], bytes]:
    """ES256 (RFC 7518 section 3.4): r and s, 32 octets each."""
    sign_dsa = key.sign_dsa

    def sign(digest: bytes) -> bytes:
        r, s = sign_dsa(digest)
        # OpenSSL writes each as a length of four octets, then as few as possible, a zero before a high bit.
        return bytes(r[4:].rjust(HALF, b"\x00")[-HALF:] + s[4:].rjust(HALF, b"\x00")[-HALF:])

    return sign
