"""What this process is made of: the versions found and where they lie.

On a worker node several Pythons and several OpenSSLs lie about, and one variable of the payload's decides which are
loaded. So everything is really loaded, and OpenSSL's place is asked of the kernel.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from diracmq_cli.credentials.lacking import lacks_m2crypto, without_m2crypto
from diracmq_cli.version import __version__

_MAPS = Path("/proc/self/maps")
"""The files that are mapped into this process (proc(5)), one at the end of each line that has one."""


def about() -> str:
    """Our version, then Python, M2Crypto, pika and OpenSSL: version and place of each, or why it cannot be loaded."""
    python = ".".join(map(str, sys.version_info[:3]))
    return "\n".join(
        (
            f"dirac-mq {__version__} ({Path(__file__).parents[1]})",
            f"Python {python} ({sys.executable})",
            _library("M2Crypto"),
            _library("pika"),
            _openssl(),
        )
    )


def _library(name: str) -> str:
    try:
        module = import_module(name)
    except ImportError as error:
        if lacks_m2crypto(error):
            told = without_m2crypto(error)
            return f"{told}: {told.hint}"
        return f"{name} cannot be loaded: {error}"
    return f"{name} {module.__version__} ({_place(module)})"


def _openssl() -> str:
    """The OpenSSL of TLS; two files are named where M2Crypto, which must be loaded by now, has brought its own."""
    try:
        import ssl
    except ImportError as error:
        return f"ssl cannot be loaded: {error}"
    return f"{ssl.OPENSSL_VERSION} ({', '.join(_mapped('libssl')) or _place(ssl)})"


def _place(module: ModuleType) -> str:
    return "built in" if module.__file__ is None else str(Path(module.__file__).parent)


def _mapped(library: str) -> Sequence[str]:
    """The files of a shared library that are in use."""
    try:
        lines = _MAPS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return ()
    files = {line.split(maxsplit=5)[5] for line in lines if "/" in line}
    return sorted(file for file in files if Path(file).name.startswith(library))
