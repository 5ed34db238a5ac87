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
