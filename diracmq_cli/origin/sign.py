"""Sign messages: the header ``dirac-stamp`` is a JWS over what the message says (DESIGN: the stamp)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from diracmq_cli.core.jws import MAX_STAMP, Header, join, to_base64url, write_header
from diracmq_cli.core.message import Message
from diracmq_cli.core.stamp import STAMP_HEADER
from diracmq_cli.core.stampfields import fields_to_sign
from diracmq_cli.core.stamppayload import encode_payload
from diracmq_cli.errors import CredentialError, DataError

if TYPE_CHECKING:
    from diracmq_cli.core.address import Address
    from diracmq_cli.credentials import SigningCredential, SigningKey


class Signer:
    """Signs the messages of one run with one key.

    What is the same for all of them, header and chain, is encoded and hashed once.
    """

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._header = write_header(Header(key.algorithm, key.chain))
        self._hashed = hashlib.sha256(self._header + b".")

    @classmethod
    def of(cls, credential: SigningCredential, *, many: bool, now: float) -> Signer:
        """A signer with this credential.

        Args:
            credential: whose.
            many: more than one message will be signed, so that a session proxy is worth its kilobyte in each: it
                signs in a tenth of a millisecond where RSA takes one.
            now: seconds since the epoch.

        Raises:
            CredentialError: the credential cannot sign.
        """
        session = credential.session_key(now=now) if many else None
        return cls(session or credential.own_key())

    @property
    def dn(self) -> str:
        """Whose signature it is."""
        return self._key.dn

    @property
    def not_after(self) -> float:
        """When the credential ends, in seconds since the epoch; a later message needs another signer."""
        return self._key.not_after

    def sign(self, message: Message, *, service: str, destination: Address) -> Message:
        """Return ``message``, already stamped (``core.stamp``), with its signature.

        Args:
            message: with id, time and sender.
            service: the broker service's name in the CS.
            destination: the queue or exchange that it is sent to.

        Raises:
            CredentialError: the message's time is not within the credential's life.
            DataError: it names another sender or none, or is too large to be signed.
        """
        fields = fields_to_sign(message, service=service, destination=destination)
        if fields.dn != self._key.dn:
            raise DataError(f"a message of {fields.dn} cannot be signed by {self._key.dn}")
        if not self._key.not_before <= fields.time <= self._key.not_after:
            raise CredentialError(
                f"the credential of {self._key.dn} cannot sign for this time: it is not valid then",
                hint="make a new proxy: dirac-proxy-init",
            )
        payload = to_base64url(encode_payload(fields))
        hashed = self._hashed.copy()
        hashed.update(payload)
        stamp = join(self._header, payload, self._key.sign(hashed.digest()))
        if len(stamp) > MAX_STAMP:
            raise DataError(
                f"the message's headers are too large to be signed: the stamp would have {len(stamp)} octets"
            )
        headers = {**message.headers, STAMP_HEADER: stamp}
        return Message(
            body=message.body, properties=message.properties, headers=headers, routing_key=message.routing_key
        )
