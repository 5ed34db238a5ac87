"""What a configuration server is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Ask for the CS if it is newer than ``version`` (``0``: in any case).

    ``as_host``: the credential is a host's certificate, as of a server (DIRAC's extra credentials ``hosts``).
    """

    version: str = "0"
    vo: str = "unknown"
    setup: str = "None"
    as_host: bool = False
