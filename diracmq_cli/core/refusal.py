"""Why a message is refused: one code for each kind of refusal, for programs and for reason files. Codes only grow."""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Reasons of a ``VerificationError``, in the order in which they are looked for."""

    # The stamp itself.
    MALFORMED_MESSAGE = "malformed-message"
    NO_STAMP = "no-stamp"
    STAMP_TYPE = "stamp-not-a-string"
    STAMP_SIZE = "stamp-too-large"
    STAMP_FORM = "stamp-form"
    STAMP_HEADER = "stamp-header"
    ALGORITHM = "algorithm"
    CHAIN_FORM = "chain-form"

    # The chain that it carries, by RFC 3820.
    CERTIFICATE = "certificate-malformed"
    CHAIN_TOO_LONG = "chain-too-long"
    CHAIN_INCOMPLETE = "chain-incomplete"
    CHAIN_ORDER = "chain-order"
    CHAIN_PADDED = "chain-padded"
    SIGNED_BY_END_ENTITY = "signed-by-end-entity"
    CA_AS_SIGNER = "ca-as-signer"
    LEGACY_PROXY = "legacy-proxy"
    KEY_USAGE = "key-usage"
    PROXY_FORM = "proxy-form"
    PROXY_SUBJECT = "proxy-subject"
    PROXY_POLICY = "proxy-policy"
    PROXY_INDEPENDENT = "proxy-independent"
    PROXY_WIDENED = "full-below-limited"
    PATH_LENGTH = "path-length"
    NAME = "name"
    WEAK_DIGEST = "weak-digest"
    WEAK_KEY = "weak-key"
    KEY_TYPE = "key-type"
    CHAIN_SIGNATURE = "chain-signature"

    # What the CA directory says of it.
    UNKNOWN_CA = "unknown-ca"
    SIGNING_POLICY = "signing-policy"
    NO_CRL = "no-crl"
    CRL_EXPIRED = "crl-expired"
    CRL_INVALID = "crl-invalid"
    REVOKED = "revoked"
    CA_DIRECTORY = "ca-directory"
    CHAIN_INVALID = "chain-invalid"

    # The signature, and what it says.
    ALGORITHM_MISMATCH = "algorithm-mismatch"
    SIGNATURE = "signature"
    PAYLOAD = "payload-malformed"
    VERSION = "version"
    NOT_YET_VALID = "signed-before-certificate"
    EXPIRED = "signed-after-certificate"
    TOO_OLD = "too-old"
    IN_FUTURE = "in-the-future"
    SIGNER = "signer"

    # The message, against what was signed.
    REROUTING = "rerouting-header"
    DN = "dn-changed"
    HOST = "host-changed"
    MESSAGE_ID = "message-id-changed"
    TIME = "time-changed"
    SERVICE = "service-changed"
    DEATH = "death-malformed"
    DESTINATION = "destination-changed"
    ROUTING_KEY = "routing-key-changed"
    CONTENT_TYPE = "content-type-changed"
    CONTENT_ENCODING = "content-encoding-changed"
    TYPE = "type-changed"
    CORRELATION_ID = "correlation-id-changed"
    REPLY_TO = "reply-to-changed"
    APP_ID = "app-id-changed"
    HEADER_ADDED = "header-added"
    HEADER_REMOVED = "header-removed"
    HEADER_TYPE = "header-type-changed"
    HEADER_VALUE = "header-changed"
    BODY = "body-changed"
    USER_ID = "user-id"


class Distrust(StrEnum):
    """Reasons beside those of ``Refusal``: the way that a message came, whose it is, and what its reader made of it."""

    CLAIM_FORM = "claim-not-a-string"
    LOGIN_FORM = "user-id-malformed"
    IMPOSTURE = "claims-another"
    REROUTED = "rerouted"
    MOVED = "moved"
    UNVERIFIABLE = "unverifiable"
    TOO_WEAK = "origin-too-weak"
    NOT_ALLOWED = "not-allowed"
    COMMAND = "rejected-by-command"


READERS_OWN = frozenset[str](
    {Distrust.UNVERIFIABLE, Refusal.CA_DIRECTORY, Refusal.NO_CRL, Refusal.CRL_EXPIRED, Refusal.CRL_INVALID}
)
"""Codes that say nothing against the message: its reader's CA directory is missing, damaged or out of date."""
