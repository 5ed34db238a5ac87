"""Who we are: finding, reading and checking certificates and RFC 3820 proxies; TLS contexts (only M2Crypto here)."""

from diracmq_cli.credentials.files import CredentialFiles
from diracmq_cli.credentials.locations import locate, locate_ca_directory, locate_host_certificate
from diracmq_cli.credentials.passphrase import AskOnce, Passphrase
from diracmq_cli.credentials.reader import read_identity
from diracmq_cli.credentials.tls import tls_context

__all__ = [
    "AskOnce",
    "CredentialFiles",
    "Passphrase",
    "locate",
    "locate_ca_directory",
    "locate_host_certificate",
    "read_identity",
    "tls_context",
]
