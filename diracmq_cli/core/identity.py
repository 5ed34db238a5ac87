"""Who we are: a certificate or an RFC 3820 proxy as the rest of the program needs to know it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class CredentialKind(StrEnum):
    """What the credential's files hold."""

    PROXY = "proxy"
    USER_CERTIFICATE = "user certificate"
    HOST_CERTIFICATE = "host certificate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A credential that has been read and checked.

    ``dn`` is the end entity's in the one form used everywhere (see ``core.dn``); ``not_after`` the earliest end of
    life in the chain, in seconds since the epoch; ``path_length`` how many more proxies may follow (None: no limit);
    ``group`` the DIRAC group that a proxy names for itself: a claim, never a proof.
    """

    dn: str
    kind: CredentialKind
    certificate_file: str
    key_file: str
    not_before: float
    not_after: float
    limited: bool = False
    proxy_depth: int = 0
    path_length: int | None = None
    group: str | None = None
    encrypted_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRequest:
    """What the command line says about credentials: ``--cert --key --proxy --capath``; None means not given."""

    certificate: str | None = None
    key: str | None = None
    proxy: str | None = None
    ca_directory: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialSettings:
    """What the local CFG says about credentials (``/DIRAC/Security``), and DIRAC's installation root if known."""

    certificate: str | None = None
    key: str | None = None
    use_server_certificate: bool = False
    grid_security: str | None = None
    ca_directory: str | None = None
    root: str | None = None
