"""The option that names the configuration servers, as it stands.

Here and in the other small types that every command makes, a NamedTuple takes the place of a frozen dataclass: to
define one costs a fifth of a dataclass's millisecond.
"""

from __future__ import annotations

from typing import NamedTuple


class ServerList(NamedTuple):
    """URLs as they are written: they are read when a server is to be asked, and not before (``servers``).

    ``preferred`` are the regular expressions of ``/DIRAC/PreferredURLPatterns``, ``place`` names the option and its
    file.
    """

    urls: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()
    place: str = ""

    def __bool__(self) -> bool:
        return bool(self.urls)
