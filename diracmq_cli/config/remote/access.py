"""How configuration servers may be asked: what only those who start us know."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import ssl

DEFAULT_MAX_AGE = 3600.0


class Credential(NamedTuple):
    """What a server is asked with; ``as_host``: it is a host's certificate that the CFG wants used."""

    context: ssl.SSLContext
    as_host: bool = False


class RemoteAccess(NamedTuple):
    """``credential`` is called when a server is to be asked, and not before: it may raise CredentialError.

    ``timeout`` is seconds for all servers together; ``max_age`` (seconds) is for how long a copy counts as fresh, and
    0 means to ask first; ``wake_fd`` is readable when we are asked to stop; ``warn`` takes sentences for the user.
    """

    credential: Callable[[], Credential]
    timeout: float = 10.0
    max_age: float = DEFAULT_MAX_AGE
    wake_fd: int | None = None
    warn: Callable[[str], object] = logging.getLogger(__name__).warning
