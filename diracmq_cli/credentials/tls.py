"""The TLS side of a credential: a context of Python's ``ssl`` that always verifies, by the grid's CAs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diracmq_cli.credentials.files import remedy
from diracmq_cli.credentials.passphrase import Passphrase, obtain
from diracmq_cli.errors import CredentialError

if TYPE_CHECKING:
    import ssl

    from diracmq_cli.core.identity import Identity

_REASONS = {
    "EE_KEY_TOO_SMALL": "its key is shorter than OpenSSL's security level allows",
    "CA_KEY_TOO_SMALL": "a key above it is shorter than OpenSSL's security level allows",
    "CA_MD_TOO_WEAK": "it is signed with a digest that OpenSSL's security level no longer allows",
    "KEY_VALUES_MISMATCH": "its certificate and key do not fit; was it renewed just now",
}
"""OpenSSL's names (``ssl.SSLError.reason``) of what still can be wrong with a credential that has been read."""


def tls_context(
    identity: Identity | None, ca_directory: str, *, passphrase: Passphrase | None = None
) -> ssl.SSLContext:
    """Make a client's context: TLS 1.2 or newer, server certificate and host name checked against one CA directory.

    The directory is searched by hash when a server is met, so that the grid's 300 CAs cost nothing here; the
    system's CAs are not asked. With a proxy the whole chain of its file is presented.

    Args:
        identity: the credential to present; None for none.
        ca_directory: hashed CA certificates.
        passphrase: asks for the passphrase of an encrypted key; None where there is no terminal.

    Raises:
        CredentialError: OpenSSL does not take the credential.
    """
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks host names and requires a certificate
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(capath=ca_directory)
    if identity is None:
        return context
    try:
        context.load_cert_chain(
            identity.certificate_file,
            identity.key_file,
            # Without a callable OpenSSL would ask on the terminal by itself, past a renewed file too.
            lambda: obtain(identity.key_file, identity.dn, passphrase),
        )
    except OSError as error:  # SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        text = _REASONS.get(reason or "", (reason or str(error)).lower().replace("_", " "))
        raise CredentialError(
            f"{identity.kind} {identity.certificate_file} of {identity.dn} cannot be used for TLS: {text}",
            hint=remedy(identity.kind),
        ) from error
    return context
