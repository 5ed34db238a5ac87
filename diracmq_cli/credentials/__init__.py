"""Who we are: finding, reading and checking certificates and RFC 3820 proxies; TLS contexts; keys that sign, and other
people's chains verified (only M2Crypto here). What only stamps need is imported when it is asked for."""

from typing import TYPE_CHECKING

from diracmq_cli.credentials.files import CredentialFiles
from diracmq_cli.credentials.locations import locate, locate_ca_directory, locate_host_certificate
from diracmq_cli.credentials.passphrase import AskOnce, Passphrase
from diracmq_cli.credentials.reader import read_identity
from diracmq_cli.credentials.tls import tls_context

if TYPE_CHECKING:
    from diracmq_cli.credentials.signingkey import SigningCredential, SigningKey
    from diracmq_cli.credentials.truststore import TrustStore, VerifiedChain

__all__ = [
    "AskOnce",
    "CredentialFiles",
    "Passphrase",
    "SigningCredential",
    "SigningKey",
    "TrustStore",
    "VerifiedChain",
    "locate",
    "locate_ca_directory",
    "locate_host_certificate",
    "read_identity",
    "tls_context",
]

_LATE = {
    "SigningCredential": "signingkey",
    "SigningKey": "signingkey",
    "TrustStore": "truststore",
    "VerifiedChain": "truststore",
}


def __getattr__(name: str) -> object:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)
